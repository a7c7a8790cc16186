import { expect, test, vi } from 'vitest';
import {
  loginFrom,
  may,
  OPEN,
  type Principal,
  returnToPlace,
  type Session,
  seesAllStreams,
  seesStreams,
  signedIn,
} from './session';

const as = (principal: Partial<Principal>): Session => ({
  controlled: true,
  anonymous: true,
  oidc: false,
  csrf: null,
  refresh: null,
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
  const roles = [as({}), as({ streams: ['a'] }), as({ streams: ['*'] }), as({ operations: ['admin'] })];
  expect(roles.map(seesStreams)).toEqual([false, true, true, true]);
  expect(roles.map(seesAllStreams)).toEqual([false, false, true, true]);
});

test('a guest has not signed in', () => {
  expect(signedIn(as({ subject: 'anonymous' }))).toBeNull();
  expect(signedIn(as({}))?.name).toBe('a');
});

test('the provider leads back to where one was', () => {
  expect(loginFrom({ pathname: '/explore', search: '?metric=cpu&label=a%3Db' })).toBe(
    '/auth/login?return=%2Fexplore%3Fmetric%3Dcpu%26label%3Da%253Db',
  );
});

test('an address that is too long to be led back to is kept meanwhile', () => {
  const kept = new Map<string, string>();
  const sessionStorage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  };
  vi.stubGlobal('sessionStorage', sessionStorage);
  const search = `?d=1.${'x'.repeat(2_000)}`;
  expect(loginFrom({ pathname: '/explore', search })).toBe('/auth/login?return=%2Fexplore');
  const comeTo = (pathname: string) => {
    const replaceState = vi.fn();
    new Function('sessionStorage', 'location', 'history', returnToPlace)(
      sessionStorage,
      { pathname },
      { replaceState },
    );
    return replaceState.mock.calls;
  };
  expect(comeTo('/explore')).toEqual([[null, '', `/explore${search}`]]);
  expect(comeTo('/explore')).toEqual([]);
  vi.unstubAllGlobals();
});
