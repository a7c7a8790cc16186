import { expect, test } from 'vitest';
import type { Plan } from './plan';
import { historyOf, pathOf, wholeBuckets } from './rows';

const SPAN = { from: Date.parse('2026-01-31T00:00:00Z'), to: Date.parse('2026-01-31T00:00:00.001Z') + 0.001 };
const SELECTOR = { metric: 'cpu', matchers: [{ name: 'host', op: '!=', value: 'a&b' }] } as const;
const BUCKETS: Plan = { kind: 'buckets', step: 10_000, columns: ['avg', 'min', 'max'], fill: 'none' };

const paramsOf = (plan: Plan, csv = false) => {
  const [path, query] = pathOf(SELECTOR, plan, SPAN, { csv }).split('?');
  return { path, ...Object.fromEntries(new URLSearchParams(query)) };
};

const SERIES = {
  metric: 'cpu',
  label: 'host!=a&b',
  from: '2026-01-31T00:00:00.000000Z',
  to: '2026-01-31T00:00:00.001001Z',
};

test('stored points are asked for to the microsecond', () => {
  expect(paramsOf({ kind: 'points' })).toEqual({ path: '/api/v1/points', ...SERIES, ts: 'ms' });
});

test('thinned points are so for the eye only', () => {
  const plan: Plan = { kind: 'thinned', max: 5_000 };
  expect(paramsOf(plan)).toEqual({ path: '/api/v1/history', ...SERIES, ts: 'ms', max_points: '5000' });
  expect(paramsOf(plan, true)).toEqual({ path: '/api/v1/points', ...SERIES, format: 'csv' });
});

test('buckets are asked for with all that the plan says', () => {
  expect(paramsOf({ ...BUCKETS, fill: 'linear', group: { by: ['site', 'rack'], across: 'max' } })).toEqual({
    path: '/api/v1/history',
    ...SERIES,
    ts: 'ms',
    step: '10s',
    aggregate: 'avg,min,max',
    fill: 'linear',
    group_by: 'site,rack',
    across: 'max',
  });
});

test('no bucket is cut', () => {
  expect(wholeBuckets(BUCKETS, { from: 12_345, to: 20_001 })).toEqual({ from: 10_000, to: 30_000 });
  expect(wholeBuckets({ kind: 'points' }, { from: 12_345, to: 20_001 })).toEqual({ from: 12_345, to: 20_001 });
});

test('rows become columns; what has no value is a gap', () => {
  const [{ key, points } = { key: '', points: undefined }] = historyOf({
    columns: ['ts', 'avg', 'min', 'max'],
    series: [
      {
        series: 'cpu',
        points: [
          [1, 2, 1, 3],
          [2, null, null, null],
        ],
      },
    ],
  });
  expect(key).toBe('cpu');
  expect(points).toEqual({
    times: Float64Array.of(1, 2),
    values: Float64Array.of(2, Number.NaN),
    lows: Float64Array.of(1, Number.NaN),
    highs: Float64Array.of(3, Number.NaN),
  });
});
