import assert from 'node:assert/strict';
import { test } from 'node:test';

import { authorization } from '../dist/resume/authorization.js';
import { persistence } from '../dist/src/socket.js';

const coded = (code) => [{ message: code, extensions: { code } }];
const after = (policy, problem) => Array.from({ length: 8 }, (_, attempts) => policy.isRefusal(problem) && policy.wait(attempts) !== undefined);

test('it comes back from what passes for as long as it takes', () => {
  const policy = persistence(undefined);
  assert.ok(after(policy, coded('UNAVAILABLE')).every(Boolean));
  assert.ok(policy.isRefusal({ data: null, errors: coded('OVERLOADED') }));
});

test('it comes back from refused credentials six times, and without credentials not at all', () => {
  for (const refusal of [coded('UNAUTHENTICATED'), { code: 4401 }, { code: 4403 }]) {
    assert.deepEqual(after(persistence(authorization(() => 'a token')), refusal).lastIndexOf(true), 5);
    assert.equal(persistence(undefined).isRefusal(refusal), false);
  }
});

test('other errors end it, and so does none that comes beside data', () => {
  const policy = persistence(authorization(() => 'a token'));
  for (const problem of [coded('BAD_USER_INPUT'), { code: 4400 }, new Error('x'), undefined]) assert.equal(policy.isRefusal(problem), false);
  assert.equal(policy.isRefusal({ data: { pipeline: {} }, errors: coded('UNAVAILABLE') }), false);
});
