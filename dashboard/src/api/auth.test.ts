import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Session } from './session';

const READER = {
  subject: 'key:abc',
  name: 'wall display',
  role: 'reader',
  operations: ['read' as const],
  streams: [],
  expires: null,
};
const NOBODY: Session = { controlled: true, anonymous: false, oidc: false, csrf: null, refresh: null, principal: null };
const SIGNED_IN: Session = { ...NOBODY, csrf: 'c1', principal: READER };

/** A server with sessions: what it says of who asks, and what it was asked. */
let session: Session | number;
let keys: Record<string, Session>;
const asked: { path: string; method: string; headers: Record<string, string> }[] = [];

const json = (status: number, body: unknown = {}, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers });

function answer(path: string, init: RequestInit = {}): Response {
  const { method = 'GET', headers = {} } = init;
  asked.push({ path, method, headers: headers as Record<string, string> });
  if (path === '/auth/logout') {
    session = NOBODY;
    return json(200);
  }
  if (path === '/auth/session' && method === 'POST') {
    const found = keys[JSON.parse(String(init.body)).key];
    if (!found) return json(401);
    session = found;
  }
  if (typeof session === 'number') return json(session);
  if (path === '/auth/session') return json(200, session);
  return json(session.controlled && !session.principal && !session.anonymous ? 401 : 200, { data: {} });
}

let auth: typeof import('./auth');
let http: typeof import('./http');

beforeEach(async () => {
  session = NOBODY;
  keys = { ss_good: SIGNED_IN };
  asked.length = 0;
  vi.stubGlobal('fetch', async (path: string, init?: RequestInit) => answer(path, init));
  vi.stubGlobal('sessionStorage', { getItem: () => null, setItem() {} });
  vi.resetModules();
  auth = await import('./auth');
  http = await import('./http');
});
afterEach(() => vi.unstubAllGlobals());

const paths = () => asked.map(({ path }) => path);
const turns = () => new Promise((resolve) => setTimeout(resolve));

/** What became of it so far. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const outcome: { value?: T; error?: unknown } = {};
  promise.then(
    (value) => {
      outcome.value = value;
    },
    (error) => {
      outcome.error = error;
    },
  );
  return outcome;
}

test('a server without access control is asked at once', async () => {
  session = { ...NOBODY, controlled: false };
  const points = watch(http.send('/points', {}));
  await auth.refresh();
  await turns();
  expect(points.value?.status).toBe(200);
});

test('a server that does not know of sessions has no access control', async () => {
  session = 404;
  await auth.refresh();
  expect((await auth.entrance()).controlled).toBe(false);
});

test('requests wait until somebody has signed in, and go on then', async () => {
  await auth.refresh();
  const points = watch(http.send('/points', {}));
  await turns();
  expect([points, paths()]).toEqual([{}, ['/auth/session']]);
  expect(await auth.signIn('ss_good')).toBeUndefined();
  await turns();
  expect(points.value?.status).toBe(200);
});

test('who gives up waiting leaves', async () => {
  await auth.refresh();
  const leaving = new AbortController();
  const points = watch(http.send('/points', { signal: leaving.signal }));
  leaving.abort();
  await turns();
  expect(points.error).toMatchObject({ name: 'AbortError' });
});

test('a wrong key says so and lets nobody in', async () => {
  await auth.refresh();
  expect(await auth.signIn('ss_wrong')).toMatch(/does not accept this key/);
  const points = watch(http.send('/points', {}));
  await turns();
  expect(points).toEqual({});
});

test('too many attempts say how long to wait', async () => {
  vi.stubGlobal('fetch', async () => json(429, {}, { 'retry-after': '7' }));
  expect(await auth.signIn('ss_good')).toBe('Too many attempts. Try again in 7 s.');
});

test('what may change something carries the token against forgery, what reads does not', async () => {
  session = SIGNED_IN;
  await auth.refresh();
  await http.send('/graphql', { method: 'POST', body: '{}' });
  await http.send('/points', {});
  expect(asked.slice(1).map(({ headers }) => headers['x-csrf-token'])).toEqual(['c1', undefined]);
});

test('what a session that has ended refused is sent again once the same one has signed in', async () => {
  session = SIGNED_IN;
  await auth.refresh();
  session = NOBODY;
  keys = { ss_good: { ...SIGNED_IN, csrf: 'c2' } };
  const redrive = watch(http.send('/graphql', { method: 'POST', body: '{}' }));
  await turns();
  expect(redrive).toEqual({});
  await auth.signIn('ss_good');
  await turns();
  expect(redrive.value?.status).toBe(200);
  expect(asked.at(-1)?.headers['x-csrf-token']).toBe('c2');
});

test('what one asked for is not sent for another', async () => {
  session = SIGNED_IN;
  await auth.refresh();
  session = NOBODY;
  keys = { ss_other: { ...SIGNED_IN, principal: { ...READER, subject: 'key:other' } } };
  const changed = vi.fn();
  auth.onTurn(changed);
  const redrive = watch(http.send('/graphql', { method: 'POST', body: '{}' }));
  await turns();
  await auth.signIn('ss_other');
  await turns();
  expect(redrive.value?.status).toBe(401);
  expect(changed).toHaveBeenCalledOnce();
});

test('a session that has ended and begins again is the same one', async () => {
  session = SIGNED_IN;
  await auth.refresh();
  const changed = vi.fn();
  auth.onTurn(changed);
  session = NOBODY;
  await auth.refresh();
  await auth.signIn('ss_good');
  expect(changed).not.toHaveBeenCalled();
});

test('another role is another one', async () => {
  session = SIGNED_IN;
  await auth.refresh();
  const changed = vi.fn();
  auth.onTurn(changed);
  session = { ...SIGNED_IN, principal: { ...READER, operations: ['read', 'operate'] } };
  await auth.refresh();
  expect(changed).toHaveBeenCalledOnce();
});

test('a refusal for which the server sees no reason is told, and not asked about for ever', async () => {
  session = SIGNED_IN;
  await auth.refresh();
  vi.stubGlobal('fetch', async (path: string, init?: RequestInit) =>
    path === '/points' ? json(401) : answer(path, init),
  );
  expect((await http.send('/points', {})).status).toBe(401);
});

test('where there is no access control, a refusal comes from what stands before the server', async () => {
  session = { ...NOBODY, controlled: false };
  await auth.refresh();
  vi.stubGlobal('fetch', async (path: string, init?: RequestInit) => {
    const { headers = {} } = init ?? {};
    return (headers as Record<string, string>).authorization === 'Bearer t' ? answer(path, init) : json(401);
  });
  const points = watch(http.send('/points', {}));
  await turns();
  expect(points).toEqual({});
  expect(await auth.presentToken('wrong')).toBe('The token is not accepted.');
  expect(await auth.presentToken('t')).toBeUndefined();
  await turns();
  expect(points.value?.status).toBe(200);
});

test('what was sent with a session that another tab has replaced is sent again with the new one', async () => {
  session = SIGNED_IN;
  await auth.refresh();
  session = { ...SIGNED_IN, csrf: 'c2' };
  vi.stubGlobal('fetch', async (path: string, init?: RequestInit) => {
    const { headers = {} } = init ?? {};
    const isForged = init?.method === 'POST' && (headers as Record<string, string>)['x-csrf-token'] !== 'c2';
    return isForged ? json(403) : answer(path, init);
  });
  expect((await http.send('/graphql', { method: 'POST', body: '{}' })).status).toBe(200);
});

test('what the role forbids is not sent twice', async () => {
  session = SIGNED_IN;
  await auth.refresh();
  const forbidden = vi.fn(async () => json(403));
  vi.stubGlobal('fetch', async (path: string, init?: RequestInit) =>
    path === '/graphql' ? forbidden() : answer(path, init),
  );
  expect((await http.send('/graphql', { method: 'POST', body: '{}' })).status).toBe(403);
  expect(forbidden).toHaveBeenCalledOnce();
});

test('guests are let in, and are not taken for who was signed in', async () => {
  session = { ...SIGNED_IN, anonymous: true };
  await auth.refresh();
  session = { ...NOBODY, anonymous: true };
  await auth.refresh();
  const points = watch(http.send('/points', {}));
  await turns();
  expect(points).toEqual({});
  auth.goOnAsGuest();
  await turns();
  expect(points.value?.status).toBe(200);
});

test('who has signed out has to sign in again', async () => {
  session = SIGNED_IN;
  await auth.refresh();
  expect(await auth.signOut()).toBe(true);
  expect(asked.find(({ path }) => path === '/auth/logout')?.headers['x-csrf-token']).toBe('c1');
  const points = watch(http.send('/points', {}));
  await turns();
  expect(points).toEqual({});
});

test('a server that does not answer is asked again with the next request', async () => {
  session = 503;
  await auth.refresh();
  session = NOBODY;
  const points = watch(http.send('/points', {}));
  await turns();
  expect(points).toEqual({});
  await auth.signIn('ss_good');
  await turns();
  expect(points.value?.status).toBe(200);
});

test('a session that the provider lets go on goes on by itself, again and again', async () => {
  vi.useFakeTimers();
  const until = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();
  session = { ...SIGNED_IN, refresh: until(150), principal: { ...READER, expires: until(300) } };
  await auth.refresh();
  const tries = () => asked.filter(({ method }) => method === 'PUT');
  await vi.advanceTimersByTimeAsync(149_000);
  expect(tries()).toEqual([]);
  session = { ...SIGNED_IN, refresh: until(151), principal: { ...READER, expires: until(301) } };
  await vi.advanceTimersByTimeAsync(1_000);
  expect(tries().map(({ headers }) => headers)).toEqual([{ 'x-csrf-token': 'c1' }]);
  await vi.advanceTimersByTimeAsync(150_000);
  expect(tries().length).toBe(2);
  // Nothing has come of the second try, as while the provider is away.
  await vi.advanceTimersByTimeAsync(30_000);
  expect(tries().length).toBe(3);
  session = NOBODY;
  await vi.advanceTimersByTimeAsync(300_000);
  expect(tries().length).toBe(4);
  vi.useRealTimers();
});
