import { expect, test } from 'vitest';
import { formatMoment, formatSpan, parseMoment, parseSpan } from './moment';

test('moments keep their microseconds', () => {
  const moments = ['2026-11-24T20:10:09.484463Z', '2026-11-24T20:10:09.000001Z', '1969-12-31T23:59:59.999999Z'];
  expect(moments.map((moment) => formatMoment(parseMoment(moment)))).toEqual(moments);
});

test('a moment is the same number as GraphQL text and as milliseconds of the HTTP interface', () => {
  for (let micro = 0; micro < 1_000; micro += 1) {
    const text = `2026-11-24T20:10:59.484${String(micro).padStart(3, '0')}Z`;
    const asNumber = JSON.parse(`1795551059484.${String(micro).padStart(3, '0')}`);
    expect(parseMoment(text)).toBe(asNumber);
  }
});

test('a moment without a fraction is one too', () => {
  expect(parseMoment('2026-11-24T20:10:09Z')).toBe(Date.parse('2026-11-24T20:10:09Z'));
});

test('spans have one unit, the largest that is exact', () => {
  expect(['250ms', '10s', '15m', '1h', '7d'].map((text) => formatSpan(parseSpan(text) ?? 0))).toEqual([
    '250ms',
    '10s',
    '15m',
    '1h',
    '7d',
  ]);
  expect(formatSpan(90_000)).toBe('90s');
});

test('what is no span is none', () => {
  expect(['', '5', '0s', '-1m', '1 week', '1.5h', '99999999d'].map(parseSpan)).toEqual(Array(7).fill(undefined));
});
