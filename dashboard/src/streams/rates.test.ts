import { expect, test } from 'vitest';
import { type Reading, ratesOf, readingOf, remember } from './rates';

const reading = (second: number, records: number): Reading =>
  readingOf(new Date(second * 1_000).toISOString(), [{ name: 'a', records, stored: 2 * records, deadLetters: 0 }]);
const all = (...readings: Reading[]) => readings.reduce<Reading[]>(remember, []);

test('a rate is what a counter rose by per second', () => {
  expect(ratesOf(all(reading(1, 100), reading(3, 150)), 'a')).toEqual({ records: 25, stored: 50, deadLetters: 0 });
});

test('one reading has no rate', () => {
  expect(ratesOf(all(reading(1, 100)), 'a')).toBeUndefined();
  expect(ratesOf([], 'a')).toBeUndefined();
});

test('a rate is of the last ten seconds', () => {
  const many = Array.from({ length: 31 }, (_, second) => reading(second, second < 20 ? 0 : (second - 20) * 10));
  expect(ratesOf(all(...many), 'a')?.records).toBe(10);
});

test('a server that begins to count anew gives no rate below zero', () => {
  const readings = all(reading(1, 100), reading(2, 110), reading(3, 5), reading(4, 9));
  expect(ratesOf(readings, 'a')?.records).toBe(4);
});

test('a stream that is not there has no rate', () => {
  expect(ratesOf(all(reading(1, 1), reading(2, 2)), 'b')).toBeUndefined();
});
