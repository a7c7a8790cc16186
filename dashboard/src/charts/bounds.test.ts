import { expect, test } from 'vitest';
import { extremes, roundBounds, steadyBounds } from './bounds';
import { Columns } from './columns';

test('extremes are those of the window and of the points next to it, with bands if they are drawn', () => {
  const line = new Columns();
  for (const time of [0, 10, 20, 30, 40]) line.put(time, time, time - 5, time + 5);
  expect(extremes([line], 15, 25, false)).toEqual({ low: 10, high: 30 });
  expect(extremes([line], 15, 25, true)).toEqual({ low: 5, high: 35 });
  expect(extremes([new Columns()], 0, 100, true)).toBeUndefined();
});

test('a value that is not known is no extreme', () => {
  const line = new Columns();
  line.put(0, Number.NaN);
  line.put(1, 5);
  expect(extremes([line], 0, 2, true)).toEqual({ low: 5, high: 5 });
});

test('bounds are round and hold what there is', () => {
  for (const [low, high] of [
    [1.31, 2.66],
    [-3, 812],
    [1e9, 1.1e9],
    [0.00012, 0.00013],
  ] as const) {
    const bounds = roundBounds({ low, high });
    expect(bounds.low).toBeLessThanOrEqual(low);
    expect(bounds.high).toBeGreaterThanOrEqual(high);
    expect(bounds.high - bounds.low).toBeLessThan((high - low) * 1.8);
  }
});

test('bounds stand still until values leave them or need far less room', () => {
  const before = roundBounds({ low: 10, high: 90 });
  expect(steadyBounds(before, { low: 15, high: 85 })).toBe(before);
  expect(steadyBounds(before, { low: 15, high: 120 }).high).toBeGreaterThan(120);
  expect(steadyBounds(before, { low: 40, high: 60 }).high).toBeLessThan(70);
  expect(steadyBounds(before, { low: 15, high: 85 }, 0, 200)).toEqual({ low: 0, high: 200 });
});

test('what is near zero begins there', () => {
  expect(roundBounds({ low: 0.01, high: 10 }).low).toBe(0);
  expect(roundBounds({ low: -10, high: -0.01 }).high).toBe(0);
});

test('fixed bounds stay, whatever the values are', () => {
  expect(roundBounds({ low: 1, high: 9 }, 0, 100)).toEqual({ low: 0, high: 100 });
  expect(roundBounds(undefined, 5)).toMatchObject({ low: 5 });
});

test('there is always room between the bounds', () => {
  for (const bounds of [
    roundBounds(undefined),
    roundBounds({ low: 7, high: 7 }),
    roundBounds({ low: 0, high: 0 }),
    roundBounds(undefined, 9, 3),
    roundBounds({ low: 50, high: 60 }, undefined, 3),
  ]) {
    expect(bounds.high).toBeGreaterThan(bounds.low);
  }
});
