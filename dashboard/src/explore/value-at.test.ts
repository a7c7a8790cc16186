import { expect, test } from 'vitest';
import { Columns } from '@/charts/columns';
import { valueAt } from './value-at';

const line = new Columns();
for (const [time, value] of [
  [10, 1],
  [20, 2],
  [30, Number.NaN],
] as const) {
  line.put(time, value);
}

test('the value at a moment is that of the nearest point', () => {
  expect([0, 10, 14, 16, 20].map((time) => valueAt(line, time))).toEqual([1, 1, 1, 2, 2]);
});

test('there is none in a gap, where none is known, and without points', () => {
  expect([valueAt(line, 50, 10), valueAt(line, 29), valueAt(new Columns(), 5)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
