import { expect, test } from 'vitest';
import { duplicated, moved, newPanel, removed, replaced, titleOf } from './dashboard';

const panel = (metric: string) => newPanel({ metric, matchers: [] });
const metrics = (panels: readonly ReturnType<typeof panel>[]) => panels.map(({ selector }) => selector.metric).join('');
const [a, b, c] = [panel('a'), panel('b'), panel('c')];

test('panels move by places, and stop at the ends', () => {
  expect(metrics(moved([a, b, c], a.id, 1))).toBe('bac');
  expect(metrics(moved([a, b, c], a.id, 9))).toBe('bca');
  expect(metrics(moved([a, b, c], c.id, -9))).toBe('cab');
  expect(metrics(moved([a, b, c], 'unknown', 0))).toBe('abc');
});

test('a copy stands behind its original and is a panel of its own', () => {
  const all = duplicated([a, b], a.id);
  expect(metrics(all)).toBe('aab');
  expect(new Set(all.map(({ id }) => id)).size).toBe(3);
});

test('panels are replaced and removed by their id', () => {
  expect(metrics(replaced([a, b], { ...a, selector: { metric: 'x', matchers: [] } }))).toBe('xb');
  expect(metrics(removed([a, b], a.id))).toBe('b');
});

test('a panel without a title is called after its series', () => {
  expect(titleOf(a)).toBe('a');
  expect(titleOf({ ...a, title: 'A' })).toBe('A');
  expect(titleOf(panel(''))).toBe('New panel');
});
