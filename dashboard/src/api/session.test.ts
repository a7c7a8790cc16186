import { expect, test } from 'vitest';
import { loginUrl, may, OPEN, type Principal, type Session, seesStreams, signedIn } from './session';

const as = (principal: Partial<Principal>): Session => ({
  controlled: true,
  anonymous: true,
  oidc: false,
  csrf: null,
  principal: {
    subject: 'key:a',
    name: 'a',
    role: 'r',
    operations: [],
    streams: [],
    expires: null,
    ...principal,
  },
});

test('without access control everybody may do everything', () => {
  expect([may(OPEN, 'admin'), seesStreams(OPEN)]).toEqual([true, true]);
});

test('before the server has answered nothing is offered', () => {
  expect(may(undefined, 'read')).toBe(false);
});

test('a role may do what it lists, and admin everything', () => {
  const reader = as({ operations: ['read'] });
  expect([may(reader, 'read'), may(reader, 'operate')]).toEqual([true, false]);
  expect(may(as({ operations: ['admin'] }), 'operate')).toBe(true);
});

test('streams are for roles that name some', () => {
  expect([as({}), as({ streams: ['*'] }), as({ operations: ['admin'] })].map(seesStreams)).toEqual([false, true, true]);
});

test('a guest has not signed in', () => {
  expect(signedIn(as({ subject: 'anonymous' }))).toBeNull();
  expect(signedIn(as({}))?.name).toBe('a');
});

test('the provider leads back to where one was', () => {
  expect(loginUrl('/explore?metric=cpu&label=a%3Db')).toBe(
    '/auth/login?return=%2Fexplore%3Fmetric%3Dcpu%26label%3Da%253Db',
  );
});
