import { describe, expect, test } from 'vitest';
import { matcherText, narrowed, parseMatcher, toInput, toText } from './selector';

test('a selector reads as people of the field write it', () => {
  const selector = { metric: 'cpu', matchers: [{ name: 'host', op: '=~', value: 'a"b.*' }] as const };
  expect(toText(selector)).toBe('cpu{host=~"a\\"b.*"}');
  expect(toText({ metric: 'cpu', matchers: [] })).toBe('cpu');
  expect(toInput(selector)).toEqual({ metric: 'cpu', labels: [{ name: 'host', op: 'MATCHES', value: 'a"b.*' }] });
});

describe('a condition in a link', () => {
  test('is read as it was written', () => {
    for (const op of ['=', '!=', '=~', '!~'] as const) {
      const matcher = { name: 'host', op, value: 'a=b!~c' };
      expect(parseMatcher(matcherText(matcher))).toEqual(matcher);
    }
  });

  test('means the same when its value begins like an operator', () => {
    expect(matcherText({ name: 'a', op: '=', value: '~x.' })).toBe('a=~~x\\.');
  });

  test('is nothing when it has no operator or no name', () => {
    expect([parseMatcher('host'), parseMatcher('=x')]).toEqual([undefined, undefined]);
  });
});

describe('a narrowed selector', () => {
  const series = (host: string, extra: { name: string; value: string }[] = []) => ({
    labels: [{ name: 'host', value: host }, ...extra],
  });

  test('allows of each label the values that are wanted', () => {
    const all = [series('a.1', [{ name: 'site', value: 'n' }]), series('b', [{ name: 'site', value: 'n' }])];
    expect(narrowed({ metric: 'cpu', matchers: [] }, all).matchers).toEqual([
      { name: 'site', op: '=', value: 'n' },
      { name: 'host', op: '=~', value: 'a\\.1|b' },
    ]);
  });

  test('allows a label to be missing where one of the series lacks it', () => {
    const all = [series('a', [{ name: 'site', value: 'n' }]), series('a')];
    expect(narrowed({ metric: 'cpu', matchers: [] }, all).matchers).toContainEqual({
      name: 'site',
      op: '=~',
      value: 'n|',
    });
  });

  test('leaves out what the server would refuse', () => {
    const long = Array.from({ length: 20 }, (_, at) => series(`${at}${'x'.repeat(100)}`));
    expect(narrowed({ metric: 'cpu', matchers: [] }, long).matchers).toEqual([]);
  });
});
