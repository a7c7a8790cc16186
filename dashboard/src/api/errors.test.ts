import { expect, test } from 'vitest';
import { ApiError, inWords } from './errors';

test('what a role does not allow is told in a sentence', () => {
  expect(inWords(new ApiError("your role does not allow this; it needs 'operate'", 'FORBIDDEN'))).toBe(
    "Your role does not allow this; it needs 'operate'.",
  );
  expect(inWords(new ApiError('points of other sites', 'FORBIDDEN'))).toBe(
    'Your role does not allow this: points of other sites.',
  );
});

test('other errors are told as they are', () => {
  expect(inWords(new ApiError('The server does not answer.', 'NETWORK'))).toBe('The server does not answer.');
});
