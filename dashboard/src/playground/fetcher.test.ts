import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { ApiError } from '@/api/errors';
import { headersOf, isSubscription, nameIn, troubleOf } from './fetcher';

const both = parse('query Now { pipeline { state } } subscription Live { pipeline { state } }');

describe('the fetcher', () => {
  it('knows a subscription by the name of the operation that is to run', () => {
    expect(isSubscription(both, 'Live')).toBe(true);
    expect(isSubscription(both, 'Now')).toBe(false);
  });

  it('takes the first operation where none is named', () => {
    expect(isSubscription(parse('subscription { pipeline { state } }'))).toBe(true);
    expect(isSubscription(parse('{ pipeline { state } }'), null)).toBe(false);
  });

  it('takes what it could not parse for no subscription: the server says what is wrong with it', () => {
    expect(isSubscription(undefined, 'Live')).toBe(false);
  });

  it('leaves out the name of an operation of the text before', () => {
    expect(nameIn(both, 'Live')).toBe('Live');
    expect(nameIn(both, 'Latest')).toBeNull();
    expect(nameIn(both, null)).toBeNull();
    expect(nameIn(undefined, 'Live')).toBe('Live');
  });

  it('compares header names as HTTP does, so that what is written replaces what we know', () => {
    expect(headersOf({ Authorization: 'Bearer x', 'X-Number': 1 })).toEqual({
      authorization: 'Bearer x',
      'x-number': '1',
    });
    expect(headersOf()).toEqual({});
  });

  it('shows trouble as an answer with its code', () => {
    expect(troubleOf(new ApiError('The server does not answer.', 'NETWORK'))).toEqual({
      errors: [{ message: 'The server does not answer.', extensions: { code: 'NETWORK' } }],
    });
  });
});
