import { beforeEach, expect, test } from 'vitest';
import { ApiError } from '@/api/errors';
import type { PipelineNowFragment, SecondFragment } from '@/api/generated/graphql';
import { follow, type Known, type Server } from './feed';

const second = (n: number): SecondFragment => ({
  at: new Date(n * 1_000).toISOString(),
  points: 0,
  delivered: 0,
  deadLetters: 0,
  lag: 0,
  subscribers: 0,
  latency: null,
});
const status = (n: number): PipelineNowFragment => ({
  at: second(n).at,
  state: 'RUNNING',
  missing: [],
  degraded: [],
  credits: { held: 0, total: 1 },
  stages: [],
  now: second(n),
});
const seconds = () => known.samples.map(({ at }) => at / 1_000);
const settled = () => new Promise((resolve) => setTimeout(resolve));

let known: Known;
let sink: Parameters<Server['listen']>[0];
let remembered: number[] | ApiError;
let asked: number;
let leave: () => void;

function start(samples: number[] | ApiError) {
  remembered = samples;
  const server: Server = {
    async ask() {
      asked += 1;
      if (remembered instanceof ApiError) throw remembered;
      return { ...status(remembered.at(-1) ?? 0), samples: remembered.map(second) };
    },
    listen(given) {
      sink = given;
      return () => {};
    },
  };
  leave = follow(server, (now) => {
    known = now;
  });
}

beforeEach(() => {
  asked = 0;
  known = { samples: [] };
});

test('the last minutes are there at once, before a live message comes', async () => {
  start([1, 2, 3]);
  await settled();
  expect(seconds()).toEqual([1, 2, 3]);
  expect(known.status?.state).toBe('RUNNING');
});

test('live messages go on without a hole or a second twice', async () => {
  start([1, 2, 3]);
  sink.next(status(3));
  sink.next(status(4));
  await settled();
  sink.next(status(5));
  expect(seconds()).toEqual([1, 2, 3, 4, 5]);
  expect(asked).toBe(1);
});

test('seconds that were missed are asked for', async () => {
  start([1, 2]);
  await settled();
  remembered = [1, 2, 3, 4, 5, 6];
  sink.next(status(6));
  await settled();
  expect(seconds()).toEqual([1, 2, 3, 4, 5, 6]);
  expect(asked).toBe(2);
});

test('what the server has forgotten is asked for once', async () => {
  start([1, 2]);
  await settled();
  remembered = [8];
  for (const n of [8, 9, 10]) {
    sink.next(status(n));
    await settled();
  }
  expect(seconds()).toEqual([1, 2, 8, 9, 10]);
  expect(asked).toBe(2);
});

test('an answer that did not come is asked for with the next message', async () => {
  start(new ApiError('away', 'NETWORK'));
  await settled();
  expect(known.error?.code).toBe('NETWORK');
  remembered = [1, 2, 3];
  sink.next(status(4));
  await settled();
  expect(seconds()).toEqual([1, 2, 3, 4]);
  expect(known.error).toBeUndefined();
});

test('a refusal is told, with what is known', async () => {
  start([1]);
  await settled();
  sink.error(new ApiError('who asks?', 'UNAUTHORIZED'));
  expect([known.error?.code, seconds()]).toEqual(['UNAUTHORIZED', [1]]);
});

test('nothing is told any more to who has left', async () => {
  start([1]);
  leave();
  await settled();
  expect(known.samples).toEqual([]);
});
