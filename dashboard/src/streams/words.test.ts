import { expect, test } from 'vitest';
import type { SettingsFragment } from '@/api/generated/graphql';
import { levelTitle, settingsInWords, troubleInWords } from './words';

const settings: SettingsFragment = {
  topic: 'machines',
  redriveTopic: 'streamsync.redrive.machines',
  partitions: 4,
  format: 'json',
  timeField: 'when',
  timeUnit: 'ms',
  labels: ['site', 'device'],
  values: ['temperature', 'vibration'],
  metricPrefix: 'plant',
  onMissing: 'dead_letter',
  start: 'earliest',
  onOffsetLost: 'stop',
  acceptPast: '366d',
  acceptFuture: '1d',
  retention: [
    { level: 'raw', keep: '90d' },
    { level: '1m', keep: null },
  ],
  maxSeries: 100_000,
  maxRecordBytes: 2 ** 20,
};
const said = (of: SettingsFragment, title: string) => Object.fromEntries(settingsInWords(of))[title];

test('settings are told in words', () => {
  expect(said(settings, 'Time')).toBe('when, numbers in milliseconds');
  expect(said(settings, 'Labels')).toBe('site, device');
  expect(said(settings, 'When a field is missing')).toBe('the record becomes a dead letter');
  expect(said(settings, 'Maximum record size')).toBe('1 MiB');
});

test('values are told by the names of their metrics', () => {
  expect(said(settings, 'Values')).toBe('plant_temperature, plant_vibration');
});

test('what is kept forever is told only where something is not', () => {
  const ages = (...retention: SettingsFragment['retention']) => said({ ...settings, retention }, 'Keeps');
  expect(said(settings, 'Keeps')).toBe('Points: 90 d; the rest forever');
  expect(ages({ level: 'raw', keep: '90d' })).toBe('Points: 90 d');
  expect(ages({ level: 'raw', keep: null })).toBe('everything, forever');
});

test('a stream without a mapping takes what the records say', () => {
  const bare = { ...settings, labels: [], values: [] };
  expect(['Labels', 'Values'].map((title) => said(bare, title))).toEqual(['from the record', 'from the record']);
});

test('words that are not known here are passed on', () => {
  expect([levelTitle('1w'), troubleInWords('NEW_TROUBLE')]).toEqual(['1w', 'NEW_TROUBLE']);
});
