import { expect, test } from 'vitest';
import { Columns } from '@/charts/columns';
import { Joins } from '@/charts/gaps';
import { lookOf } from '@/charts/look';
import { readingsAt } from './readings';

function drawn(key: string, value: number, time = 100) {
  const line = new Columns();
  line.put(time, value);
  return { key, line, joins: new Joins(), look: lookOf(0) };
}

test('the lines under the pointer are told by value, the nearest of them marked', () => {
  const lines = [drawn('a', 1), drawn('b', 3), drawn('c', 2)];
  const readings = readingsAt(lines, { time: 100, value: 1.9, left: 0 });
  expect(readings.map(({ drawn, value, isNearest }) => [drawn.key, value, isNearest])).toEqual([
    ['b', 3, false],
    ['c', 2, true],
    ['a', 1, false],
  ]);
});

test('a line without a point near enough is left out', () => {
  const lines = [drawn('a', 1), drawn('far', 2, 500)];
  expect(readingsAt(lines, { time: 100, value: 0, left: 0 }, 10).map(({ drawn }) => drawn.key)).toEqual(['a']);
});
