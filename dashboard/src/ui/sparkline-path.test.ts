import { expect, test } from 'vitest';
import { type Dot, sparklinePaths } from './sparkline-path';

const frame = { from: 0, to: 6_000, top: 10, pause: 1_500 };
const dots = (...all: [number, number | null][]): Dot[] =>
  all.map(([second, value]) => ({ at: second * 1_000, value }));

test('time runs from left to right, values from the lower edge to the upper one', () => {
  const { line } = sparklinePaths(dots([0, 0], [1, 10]), frame);
  expect(line).toBe('M0 61L100 3');
});

test('the line breaks where nothing was measured', () => {
  const { line } = sparklinePaths(dots([0, 0], [1, 0], [2, null], [3, 0], [4, 0]), frame);
  expect(line).toBe('M0 61L100 61M300 61L400 61');
});

test('the line breaks over a pause', () => {
  const { line } = sparklinePaths(dots([0, 0], [1, 0], [4, 0], [5, 0]), frame);
  expect(line).toBe('M0 61L100 61M400 61L500 61');
});

test('a lone value is a dot', () => {
  expect(sparklinePaths(dots([3, 5]), frame).line).toBe('M300 32h0');
});

test('what is before the first moment is left out', () => {
  expect(sparklinePaths(dots([0, 0], [1, 0], [2, 0]), { ...frame, from: 1_000, to: 7_000 }).line).toBe('M0 61L100 61');
});

test('the area below the line reaches the lower edge', () => {
  expect(sparklinePaths(dots([0, 10], [1, 10]), frame).area).toBe('M0 64L0 3L100 3L100 64Z');
});

test('nothing is drawn of nothing', () => {
  expect(sparklinePaths([], frame)).toEqual({ line: '', area: '' });
});
