import { afterEach, expect, test } from 'vitest';
import { time } from './format';
import { fromWall, LOCAL, offsetAt, toWall, zone } from './zone';

const HOUR = 3_600_000;
const WINTER = Date.parse('2026-01-31T12:00:00.005Z');
const SUMMER = Date.parse('2026-07-31T12:00:00Z');

afterEach(() => zone.set(LOCAL));

test('a zone is ahead of UTC as its clocks are, in winter and in summer', () => {
  expect(offsetAt(WINTER, 'UTC')).toBe(0);
  expect([WINTER, SUMMER].map((at) => offsetAt(at, 'Europe/Berlin') / HOUR)).toEqual([1, 2]);
  expect(offsetAt(WINTER, 'Asia/Kathmandu') / HOUR).toBe(5.75);
  expect(offsetAt(WINTER, LOCAL)).toBe(-60_000 * new Date(WINTER).getTimezoneOffset());
});

test('times are told in the chosen zone', () => {
  zone.set('UTC');
  expect(time(WINTER)).toBe('2026-01-31 12:00:00.005');
  zone.set('America/New_York');
  expect(time(WINTER)).toBe('2026-01-31 07:00:00.005');
});

test('what a clock shows leads back to its moment, also beside a change of the clocks', () => {
  zone.set('Europe/Berlin');
  const change = Date.parse('2026-03-29T01:00:00Z');
  for (const moment of [WINTER, SUMMER, change - 1, change, change + HOUR]) {
    expect(fromWall(toWall(moment))).toBe(moment);
  }
});
