import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SeriesWindow } from '../dist/src/window.js';

const START = Date.parse('2026-01-31T12:00:00Z');
const at = (second) => new Date(START + second * 1_000).toISOString().replace('Z', '000Z');
const batch = (...points) => ({ points: points.map(([key, second, value]) => ({ series: { key, metric: key, labels: [] }, ts: at(second), value })) });
const shown = (window) => Object.fromEntries(window.read().map(({ key, points }) => [key, points.map(({ value }) => value)]));

test('late points go to their place, and a correction replaces a value', () => {
  const window = new SeriesWindow(60_000, 100);
  window.add(batch(['a', 1, 1], ['a', 3, 3], ['a', 2, 2], ['a', 1, 10], ['b', 1, 5]));
  assert.deepEqual(shown(window), { a: [10, 2, 3], b: [5] });
});

test('what is older than the span before the newest point goes, and a series without points with it', () => {
  const window = new SeriesWindow(10_000, 100);
  window.add(batch(['a', 0, 0], ['a', 5, 5], ['b', 0, 1]));
  window.add(batch(['a', 11, 11]));
  assert.deepEqual(shown(window), { a: [5, 11] });
});

test('a point of the future empties nothing', () => {
  const window = new SeriesWindow(10_000, 100);
  const now = (Date.now() - START) / 1_000;
  window.add(batch(['a', now, 1], ['a', now + 3_600, 2]));
  assert.deepEqual(shown(window), { a: [1, 2] });
});

test('of too many points the newest stay', () => {
  const window = new SeriesWindow(60_000, 2);
  window.add(batch(['a', 1, 1], ['a', 2, 2], ['a', 3, 3]));
  assert.deepEqual(shown(window), { a: [2, 3] });
});

test('a series that did not change is the same object, and one that did another', () => {
  const window = new SeriesWindow(60_000, 100);
  window.add(batch(['a', 1, 1], ['b', 1, 1]));
  const [a, b] = window.read();
  window.add(batch(['b', 2, 2]));
  const again = window.read();
  assert.equal(again[0], a);
  assert.notEqual(again[1], b);
  assert.deepEqual(b.points.length, 1, 'what was given out stays as it was');
});
