import { expect, test } from 'vitest';
import { choose } from './choose';

const metrics = (...series: number[]) => series.map((n, at) => ({ name: `m${at}`, series: n }));
const names = (of: { name: string }[]) => of.map(({ name }) => name);

test('a metric of very many series is a link alone, those after it still show their values', () => {
  const { shown, rest } = choose(metrics(3, 100_000, 2));
  expect([names(shown), names(rest)]).toEqual([['m0', 'm2'], ['m1']]);
});

test('all metrics together show no more than 24 series', () => {
  const { shown, rest } = choose(metrics(20, 5, 4));
  expect([names(shown), names(rest)]).toEqual([['m0', 'm2'], ['m1']]);
});

test('no more than eight metrics show their values', () => {
  const { shown, rest } = choose(metrics(...Array(20).fill(1)));
  expect([shown.length, rest.length]).toEqual([8, 12]);
});
