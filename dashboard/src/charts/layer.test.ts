import { expect, test } from 'vitest';
import { columnsToPaint } from './layer';

const NOTHING_CHANGED = Number.POSITIVE_INFINITY;

test('a window that stands still and has no news is not painted', () => {
  expect(columnsToPaint(100, 0, NOTHING_CHANGED)).toEqual([]);
});

test('what comes into view is painted, on whichever side', () => {
  expect(columnsToPaint(100, 3, NOTHING_CHANGED)).toEqual([{ from: 97, to: 100 }]);
  expect(columnsToPaint(100, -3, NOTHING_CHANGED)).toEqual([{ from: 0, to: 3 }]);
});

test('everything from the first change on is painted', () => {
  expect(columnsToPaint(100, 0, 60)).toEqual([{ from: 60, to: 100 }]);
  expect(columnsToPaint(100, 3, 98)).toEqual([{ from: 97, to: 100 }]);
  expect(columnsToPaint(100, -3, 60)).toEqual([
    { from: 0, to: 3 },
    { from: 60, to: 100 },
  ]);
});

test('a change before the window changes all of it', () => {
  expect(columnsToPaint(100, 0, -5)).toEqual([{ from: 0, to: 100 }]);
  expect(columnsToPaint(100, -3, Number.NEGATIVE_INFINITY)).toEqual([{ from: 0, to: 100 }]);
});

test('together with what is shifted the whole window is always as it should be', () => {
  const wrong: number[][] = [];
  for (let shift = -99; shift < 100; shift += 1) {
    for (const changed of [-10, 0, 1, 50, 99, 100, 500, NOTHING_CHANGED]) {
      const painted = new Array(100).fill(false);
      for (const { from, to } of columnsToPaint(100, shift, changed)) painted.fill(true, from, to);
      for (let column = 0; column < 100; column += 1) {
        const isInView = column + shift >= 0 && column + shift < 100;
        if (!isInView || column >= changed)
          expect([shift, changed, column, painted[column]]).toEqual([shift, changed, column, true]);
      }
    }
  }
  expect(wrong).toEqual([]);
});
