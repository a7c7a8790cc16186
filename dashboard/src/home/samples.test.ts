import { expect, test } from 'vitest';
import { isHole, merge, type Sample, sampleOf } from './samples';

const sample = (second: number): Sample => ({
  at: second * 1_000,
  points: 0,
  delivered: 0,
  deadLetters: 0,
  lag: 0,
  subscribers: 0,
  latency: null,
});
const seconds = (samples: readonly Sample[]) => samples.map(({ at }) => at / 1_000);

test('live seconds follow those of the answer', () => {
  expect(seconds(merge([sample(1), sample(2)], [sample(3)]))).toEqual([1, 2, 3]);
});

test('a second that both know is there once', () => {
  expect(seconds(merge([sample(1), sample(2)], [sample(2), sample(3)]))).toEqual([1, 2, 3]);
});

test('an answer that comes late fills what live messages left out', () => {
  expect(seconds(merge([sample(1), sample(5)], [sample(2), sample(3), sample(4)]))).toEqual([1, 2, 3, 4, 5]);
});

test('an older answer never takes away what is newer', () => {
  expect(seconds(merge([sample(4), sample(5)], [sample(2), sample(3), sample(4)]))).toEqual([2, 3, 4, 5]);
});

test('what is older than five minutes is forgotten', () => {
  const many = Array.from({ length: 400 }, (_, second) => sample(second));
  const kept = seconds(merge(many, [sample(400)]));
  expect([kept.length, kept[0]]).toEqual([300, 101]);
});

test('a second left out is a hole, a late one is none', () => {
  expect(isHole([sample(1)], sample(2.4))).toBe(false);
  expect(isHole([sample(1)], sample(3))).toBe(true);
  expect(isHole([], sample(3))).toBe(false);
});

test('times are read from texts', () => {
  const { at } = sampleOf({ ...sample(0), at: '1970-01-01T00:00:01.500000Z' });
  expect(at).toBe(1_500);
});
