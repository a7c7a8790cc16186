import { afterEach, expect, test } from 'vitest';
import { LOCAL, zone } from '@/ui/zone';
import { timeLabels, timeSplits } from './ticks';

const at = (...parts: [number, number, number, number?, number?, number?, number?]) => new Date(...parts).getTime();

afterEach(() => zone.set(LOCAL));

test('times stand on round moments of the reader', () => {
  const splits = timeSplits(at(2026, 0, 31, 12, 3, 17), at(2026, 0, 31, 12, 17), 300_000);
  expect(splits).toEqual([at(2026, 0, 31, 12, 5), at(2026, 0, 31, 12, 10), at(2026, 0, 31, 12, 15)]);
});

test('days stand on midnights', () => {
  const splits = timeSplits(at(2026, 0, 30, 12), at(2026, 1, 2, 12), 86_400_000);
  expect(splits).toEqual([at(2026, 0, 31), at(2026, 1, 1), at(2026, 1, 2)]);
});

test('times have as many parts as tell them apart, and the day where it begins', () => {
  const noon = at(2026, 0, 31, 12);
  expect(timeLabels([noon, noon + 300_000], 300_000)).toEqual(['12:00\n2026-01-31', '12:05']);
  expect(timeLabels([noon, noon + 5_000], 5_000)).toEqual(['12:00:00\n2026-01-31', '12:00:05']);
  expect(timeLabels([noon, noon + 5], 5)).toEqual(['12:00:00.000\n2026-01-31', '12:00:00.005']);
  expect(timeLabels([at(2026, 0, 31, 23, 59), at(2026, 1, 1)], 60_000)).toEqual([
    '23:59\n2026-01-31',
    '00:00\n2026-02-01',
  ]);
  expect(timeLabels([at(2025, 11, 31), at(2026, 0, 1), at(2026, 0, 2)], 86_400_000)).toEqual([
    '2025-12-31',
    '2026-01-01',
    '01-02',
  ]);
});

test('days begin where the chosen time zone has its midnights', () => {
  zone.set('Asia/Tokyo');
  const [first = 0, ...rest] = timeSplits(Date.UTC(2026, 0, 30), Date.UTC(2026, 1, 1), 86_400_000);
  expect([first, ...rest]).toEqual([Date.UTC(2026, 0, 30, 15), Date.UTC(2026, 0, 31, 15)]);
  expect(timeLabels([first, first + 3_600_000], 3_600_000)).toEqual(['00:00\n2026-01-31', '01:00']);
});
