import { describe, expect, it } from 'vitest';
import type { ReasonCount } from './documents';
import { choices, EVERYTHING, filterOf, isNarrow, matches, searchOf, waiting } from './filter';

const count = (stream: string, reason: string, count: number): ReasonCount => ({
  stream,
  topic: `topic.${stream}`,
  reason,
  count,
  newest: '2026-01-31T12:00:00Z',
});
const COUNTS = [count('a', 'not_json', 3), count('b', 'not_json', 2), count('b', 'too_old', 1)];

describe('a filter', () => {
  it('survives the address of the page', () => {
    const filter = { stream: 'a&b', topic: null, reason: 'not_json', resolved: true };
    expect(filterOf(new URLSearchParams(searchOf(filter)))).toEqual(filter);
  });

  it('leaves the address alone when it asks for everything', () => {
    expect(searchOf(EVERYTHING)).toBe('');
    expect(filterOf(new URLSearchParams('?stream=&other=1'))).toEqual(EVERYTHING);
  });

  it('is narrow when it asks something of the origin', () => {
    expect(isNarrow({ ...EVERYTHING, resolved: true })).toBe(false);
    expect(isNarrow({ ...EVERYTHING, topic: 't' })).toBe(true);
  });

  it('selects counts and adds them up', () => {
    expect(waiting(EVERYTHING, COUNTS)).toBe(6);
    expect(waiting({ ...EVERYTHING, reason: 'not_json' }, COUNTS)).toBe(5);
    expect(waiting({ ...EVERYTHING, stream: 'b', reason: 'too_old' }, COUNTS)).toBe(1);
    expect(COUNTS.filter((one) => matches({ ...EVERYTHING, topic: 'topic.b' }, one))).toHaveLength(2);
  });

  it('offers what waits, and what is chosen though nothing of it waits', () => {
    expect(choices('stream', EVERYTHING, COUNTS)).toEqual(['a', 'b']);
    expect(choices('reason', { ...EVERYTHING, reason: 'missing_field' }, COUNTS)).toEqual([
      'missing_field',
      'not_json',
      'too_old',
    ]);
  });
});
