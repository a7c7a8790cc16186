import { expect, test } from 'vitest';
import { Picture } from './picture';
import { tableRows } from './table-rows';

const picture = new Picture({ kind: 'points' });
for (const [key, time] of [
  ['a', 1],
  ['a', 3],
  ['b', 2],
  ['b', 3],
  ['b', 9],
] as const) {
  picture.put({ key, time, value: time });
}

const listed = (newestFirst: boolean) => {
  const rows = tableRows(picture.lines, { from: 1, to: 9 }, newestFirst);
  return Array.from({ length: rows.length }, (_, row) => {
    const { key, line } = rows.lineOf(row);
    return `${key}${line.times[rows.placeOf(row)]}`;
  });
};

test('the table has the points of the window by time, whichever line they are of', () => {
  expect(listed(false)).toEqual(['a1', 'b2', 'a3', 'b3']);
  expect(listed(true)).toEqual(['b3', 'a3', 'b2', 'a1']);
});
