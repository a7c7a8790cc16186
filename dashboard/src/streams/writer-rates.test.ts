import { expect, test } from 'vitest';
import { remember } from './rates';
import { keyOf, readingOfWriters, writerRates } from './writer-rates';

const writer = (principal: string, points: number) => ({
  stream: 's',
  principal,
  path: '/write',
  points,
  refused: 0,
  requests: 1,
  failed: 0,
  lastSeen: '2026-01-01T00:00:00Z',
});

test('each writer has its own rate', () => {
  const at = (second: number) => `2026-01-01T00:00:0${second}Z`;
  let readings = remember([], readingOfWriters(at(0), [writer('a', 10), writer('b', 5)]));
  readings = remember(readings, readingOfWriters(at(2), [writer('a', 30), writer('b', 5)]));
  expect(writerRates(readings, keyOf(writer('a', 0)))).toEqual({ points: 10 });
  expect(writerRates(readings, keyOf(writer('b', 0)))).toEqual({ points: 0 });
  expect(writerRates(readings, keyOf(writer('c', 0)))).toBeUndefined();
});
