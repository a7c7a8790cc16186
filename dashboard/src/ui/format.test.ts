import { expect, test } from 'vitest';
import { bytes, clock, duration, time, value } from './format';

test('values keep four digits that matter', () => {
  expect([0, 2.71893, 12345.678, 1.5e12, 2e-7].map(value)).toEqual(['0', '2.719', '12,350', '1.500e+12', '2.000e-7']);
});

test('sizes have binary units', () => {
  expect([0, 1023, 1536, 3 * 2 ** 30].map(bytes)).toEqual(['0 B', '1,023 B', '1.5 KiB', '3 GiB']);
});

test('durations have the unit that keeps them short', () => {
  expect([0.00085, 0.0123, 3.4, 119, 300, 10_800, 259_200].map(duration)).toEqual([
    '850 µs',
    '12.3 ms',
    '3.4 s',
    '119 s',
    '5 min',
    '3 h',
    '3 d',
  ]);
});

test('times are told in the zone of the reader, to the millisecond where there are some', () => {
  const local = new Date(2026, 0, 31, 12, 0, 0, 5);
  expect(time(local)).toBe('2026-01-31 12:00:00.005');
  expect(time(new Date(2026, 0, 31, 12))).toBe('2026-01-31 12:00:00');
});

test('the time of day is told to the second', () => {
  expect(clock(new Date(2026, 0, 31, 12, 3, 4, 5))).toBe('12:03:04');
});
