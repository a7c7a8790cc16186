import { describe, expect, it } from 'vitest';
import { type Choice, choiceOf, searchOf } from './choice';

const of = (search: string) => choiceOf(new URLSearchParams(search));

describe('what is chosen', () => {
  it('survives the address of the page', () => {
    const choice: Choice = { stream: 'a&b', last: '50', show: 'dead_letter' };
    expect(of(searchOf(choice))).toEqual(choice);
  });

  it('leaves the address alone where it is as at first', () => {
    expect(searchOf(of(''))).toBe('');
  });

  it('is as at first where the address makes no sense', () => {
    expect(of('?stream=&last=7000&show=everything')).toEqual({ stream: null, last: '20', show: null });
  });
});
