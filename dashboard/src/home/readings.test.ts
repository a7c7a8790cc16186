import { expect, test } from 'vitest';
import { dotsOf, peak, READINGS } from './readings';
import type { Sample } from './samples';

const sample: Sample = {
  at: 1_000,
  points: 12_345,
  delivered: 2_500,
  deadLetters: 3,
  lag: 0,
  subscribers: 4,
  latency: { p50: 0.012, p99: 0.25 },
};

test('latency is told in the unit that keeps it short, the median beside it', () => {
  const { of, write, detail } = READINGS.latency;
  expect([write(of(sample) ?? 0), detail(sample)]).toEqual(['250 ms', '12 ms p50']);
});

test('a second without records has no latency', () => {
  const idle = { ...sample, latency: null };
  expect(dotsOf([idle], READINGS.latency)).toEqual([{ at: 1_000, value: null }]);
  expect(READINGS.latency.detail(idle)).toBe('no records in the last second');
});

test('large numbers are short', () => {
  expect([READINGS.points.write(12_345), READINGS.subscribers.detail(sample)]).toEqual([
    '12.3K',
    '2.5K points/s to them',
  ]);
});

test('the peak passes over what was not measured', () => {
  expect(
    peak([
      { at: 0, value: 2 },
      { at: 1, value: null },
      { at: 2, value: 1 },
    ]),
  ).toBe(2);
  expect(peak([{ at: 0, value: null }])).toBeNull();
});
