import { expect, test } from 'vitest';
import { Columns } from './columns';
import { Joins } from './gaps';

const lineAt = (times: number[]) => {
  const line = new Columns();
  for (const time of times) line.put(time, 0);
  return line;
};

const every = (length: number, count: number) => Array.from({ length: count }, (_, at) => at * length);

test('buckets are joined to their neighbours only', () => {
  expect(new Joins().longest(lineAt(every(10, 5)), 10)).toBe(15);
});

test('stored points are joined up to five times their usual step', () => {
  expect(new Joins().longest(lineAt(every(50, 1_000)))).toBe(250);
});

test('one long pause does not change what is usual', () => {
  expect(new Joins().longest(lineAt([...every(50, 100), ...every(50, 100).map((time) => time + 60_000)]))).toBe(250);
});

test('irregular points have a wide idea of usual', () => {
  const times = every(1, 200).map((at) => at * 10 + (at % 5) * at * 3);
  const sorted = [...new Set(times)].sort((a, b) => a - b);
  expect(new Joins().longest(lineAt(sorted))).toBeGreaterThan(30);
});

test('two points are always joined: nothing is usual yet', () => {
  expect(new Joins().longest(lineAt([0, 1_000_000]))).toBe(Number.POSITIVE_INFINITY);
});
