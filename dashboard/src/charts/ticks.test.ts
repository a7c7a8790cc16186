import { expect, test } from 'vitest';
import { timeLabels, timeSplits, valueLabels } from './ticks';

const at = (...parts: [number, number, number, number?, number?, number?, number?]) => new Date(...parts).getTime();

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

test('values have as many digits as tell them apart', () => {
  expect(valueLabels([0, 0.5, 1], 0.5)).toEqual(['0.0', '0.5', '1.0']);
  expect(valueLabels([0, 50, 100], 50)).toEqual(['0', '50', '100']);
  expect(valueLabels([0, 20_000_000], 20_000_000)).toEqual(['0', '20M']);
  expect(valueLabels([0.0001, 0.00015], 0.00005)).toEqual(['0.00010', '0.00015']);
  expect(valueLabels([0, 2e-9], 2e-9)).toEqual(['0', '2.00e-9']);
});

test('large values that lie close together keep their digits', () => {
  expect(valueLabels([1_000_000, 1_000_001], 1)).toEqual(['1000000', '1000001']);
});

test('a unit stands behind each value', () => {
  expect(valueLabels([1, 2], 1, '°C')).toEqual(['1 °C', '2 °C']);
});
