import { expect, test } from 'vitest';
import type { SettingsFragment } from '@/api/generated/graphql';
import { levelTitle, settingsInWords, troubleInWords } from './words';

const settings: SettingsFragment = {
  topic: 'machines',
  partitions: 4,
  format: 'json',
  timeField: 'when',
  timeUnit: 'ms',
  labels: ['site', 'device'],
  values: ['temperature'],
  start: 'earliest',
  retention: [{ level: 'raw', keep: '90d' }],
  maxSeries: 100_000,
  onMissing: 'dead_letter',
};
const said = (of: SettingsFragment, title: string) => Object.fromEntries(settingsInWords(of))[title];

test('settings are told in words', () => {
  expect(said(settings, 'Time')).toBe('when, numbers in milliseconds');
  expect(said(settings, 'Labels')).toBe('site, device');
  expect(said(settings, 'When a field is missing')).toBe('The record becomes a dead letter');
  expect(said(settings, 'Keeps')).toBe('Points 90d; the rest for ever');
  expect(said(settings, 'Series at most')).toBe('100,000');
});

test('what is not set says what then holds', () => {
  const bare = { ...settings, timeField: null, timeUnit: null, labels: [], retention: [], maxSeries: null };
  expect(['Time', 'Labels', 'Keeps', 'Series at most'].map((title) => said(bare, title))).toEqual([
    'ts',
    'those of the record',
    'everything, for ever',
    'no limit',
  ]);
});

test('words that are not known here are passed on', () => {
  expect([levelTitle('1w'), troubleInWords('NEW_TROUBLE')]).toEqual(['1w', 'NEW_TROUBLE']);
});
