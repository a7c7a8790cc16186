import { describe, expect, it } from 'vitest';
import { arrived, COUNTED, sayArrived } from './arrivals';

describe('new letters', () => {
  it('are those above the list', () => {
    expect(arrived(['5', '4', '3'], new Set(['3', '2']))).toBe(2);
    expect(arrived(['3', '2'], new Set(['3', '2']))).toBe(0);
  });

  it('are none though the top of the list is gone', () => {
    expect(arrived(['2', '1'], new Set(['3', '2']))).toBe(0);
  });

  it('are all where the list is empty', () => {
    expect(arrived(['2', '1'], new Set())).toBe(2);
  });

  it('are counted up to a hundred', () => {
    expect(sayArrived(3)).toBe('3 new');
    expect(sayArrived(COUNTED)).toBe('100+ new');
  });
});
