import { expect, test } from 'vitest';
import { Columns } from '@/charts/columns';
import { statisticsOf } from './statistics';

function lineOf(...points: [time: number, value: number, low?: number, high?: number][]): Columns {
  const line = new Columns();
  for (const point of points) line.put(...point);
  return line;
}

test('statistics are those of the points in the window, its ends included', () => {
  const line = lineOf([0, 100], [10, 2], [20, 6], [30, 4], [40, 100]);
  expect(statisticsOf(line, { from: 10, to: 30 })).toEqual({ last: 4, min: 2, max: 6, avg: 4 });
});

test('the least and the greatest value of buckets are those behind their means', () => {
  const line = lineOf([10, 2, 1, 3], [20, 6, 5, 9]);
  expect(statisticsOf(line, { from: 0, to: 50 })).toEqual({ last: 6, min: 1, max: 9, avg: 4 });
});

test('gaps do not count, and without a value there are no statistics', () => {
  const line = lineOf([10, 2], [20, Number.NaN]);
  expect(statisticsOf(line, { from: 0, to: 50 })).toEqual({ last: 2, min: 2, max: 2, avg: 2 });
  expect(statisticsOf(line, { from: 15, to: 50 })).toBeUndefined();
  expect(statisticsOf(lineOf(), { from: 0, to: 50 })).toBeUndefined();
});
