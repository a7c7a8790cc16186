import { expect, test } from 'vitest';
import { healthOf } from './health';

test('a server is ready, degraded or broken as /readyz says, with its sentences', () => {
  expect(healthOf({ ready: true, missing: [], degraded: {} })).toEqual({ kind: 'ready', sentences: [] });
  const redis = { redis: 'connection refused' };
  expect(healthOf({ ready: true, missing: [], degraded: redis })).toEqual({
    kind: 'degraded',
    sentences: ['redis: connection refused'],
  });
  const postgres = ['postgres: connection refused'];
  expect(healthOf({ ready: false, missing: postgres, degraded: redis })).toEqual({
    kind: 'broken',
    sentences: postgres,
  });
});

test('roles that are told no sentences still see whether it is ready', () => {
  expect(healthOf({ ready: true })).toEqual({ kind: 'ready', sentences: [] });
  expect(healthOf({ ready: false })).toEqual({ kind: 'broken', sentences: [] });
});

test('no answer, or that of something else, is a server that cannot be reached', () => {
  for (const answer of [undefined, null, {}, 'Bad Gateway']) expect(healthOf(answer)).toEqual({ kind: 'away' });
});
