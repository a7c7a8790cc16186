import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '@/api/errors';
import { Feed, type Question } from './feed';
import { held } from './picture.fixture';
import type { Selector } from './selector';
import { FakeServer } from './server.fixture';

const LIVE = { kind: 'live', span: 60_000 } as const;
const QUESTION: Question = { selector: { metric: 'cpu', matchers: [] }, method: 'auto', fill: 'none', band: true };
const point = (time: number, value: number) => ({ key: 'a', time, value });

let server: FakeServer;
let feed: Feed;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.stored = [point(990_000, 1), point(995_000, 2)];
});

afterEach(() => {
  feed.stop();
  vi.useRealTimers();
});

function feedOf(question: Question = QUESTION): Feed {
  feed = new Feed(server, question, () => {});
  return feed;
}

const state = () => feed.news.get().state.kind;
const settle = (ms = 500) => vi.advanceTimersByTimeAsync(ms);

describe('a live feed', () => {
  test('follows first, then asks for history, and shows both as one line', async () => {
    feedOf().show(LIVE, 1_000);
    expect(state()).toBe('loading');
    await settle();
    server.send([point(1_000_000, 3)]);
    expect(server.open.length).toBe(1);
    expect(held(feed.picture)).toEqual({
      a: [
        [990_000, 1],
        [995_000, 2],
        [1_000_000, 3],
      ],
    });
    expect(state()).toBe('live');
  });

  test('loses nothing that comes while history is on its way', async () => {
    server.release = () => {};
    feedOf().show(LIVE, 1_000);
    await settle();
    server.send([point(999_000, 9), point(995_000, 22)]);
    server.release();
    await settle();
    expect(held(feed.picture)).toEqual({
      a: [
        [990_000, 1],
        [995_000, 22],
        [999_000, 9],
      ],
    });
  });

  test('shows that its connection broke, and that it is live again', async () => {
    feedOf().show(LIVE, 1_000);
    await settle();
    server.connection.set('reconnecting');
    expect(state()).toBe('reconnecting');
    server.connection.set('live');
    server.send([point(1_000_001, 4)]);
    expect(state()).toBe('live');
    await settle();
    // Points go on behind their cursor.
    expect(server.asked.length).toBe(1);
  });

  test('asks for history again behind a gap', async () => {
    feedOf().show(LIVE, 1_000);
    await settle();
    server.stored.push(point(996_000, 5));
    server.open[0]?.sink.gap();
    await settle();
    expect(held(feed.picture).a).toContainEqual([996_000, 5]);
    expect(server.open.length).toBe(1);
  });

  test('counts what came too fast, and loads it', async () => {
    feedOf().show(LIVE, 1_000);
    await settle();
    server.stored.push(point(999_000, 7), point(999_500, 8));
    server.send([point(999_500, 8)], 1);
    expect(feed.news.get().leftOut).toBe(1);
    await settle(3_000);
    expect(feed.news.get().leftOut).toBe(0);
    expect(held(feed.picture).a).toContainEqual([999_000, 7]);
  });

  test('asks for nothing before something is chosen, and lets go of what was', async () => {
    feedOf({ ...QUESTION, selector: { metric: '', matchers: [{ name: '', op: '=', value: '' }] } }).show(LIVE, 1_000);
    await settle();
    expect([state(), server.asked.length, server.open.length]).toEqual(['blank', 0, 0]);
    feed.ask(QUESTION);
    await settle();
    expect(state()).toBe('live');
    feed.ask({ ...QUESTION, selector: { metric: '', matchers: [] } });
    await settle();
    expect([state(), server.open.length, feed.picture.isEmpty]).toEqual(['blank', 0, true]);
  });

  test('lets go of what has left the window', async () => {
    feedOf().show(LIVE, 1_000);
    await settle();
    server.time += 120_000;
    await settle(6_000);
    expect(feed.picture.isEmpty).toBe(true);
  });

  test('changes to buckets once its points have become many', async () => {
    feedOf().show(LIVE, 1_000);
    await settle();
    server.count = 9_000;
    for (let at = 0; at < 4_500; at += 1) server.send([point(1_000_000 + at, at)]);
    await settle(6_000);
    expect(feed.picture.plan.kind).toBe('buckets');
    expect(server.open.map(({ kind }) => kind)).toEqual(['windows']);
  });
});

describe('a feed of windows', () => {
  const buckets: Question = { ...QUESTION, step: '1s' };

  test('asks for whole windows', async () => {
    server.time = 1_000_400;
    feedOf(buckets).show(LIVE, 1_000);
    await settle();
    const [{ span } = { span: { from: 0.5, to: 0.5 } }] = server.asked;
    expect([span.from % 1_000, span.to]).toEqual([0, 1_001_000]);
  });

  test('has no cursor: after its connection broke all of it is asked for again', async () => {
    feedOf(buckets).show(LIVE, 1_000);
    await settle();
    server.connection.set('reconnecting');
    // A late point changed a window meanwhile.
    server.stored = [point(990_000, 100), point(995_000, 2)];
    server.connection.set('live');
    server.send();
    await settle();
    expect(held(feed.picture)).toEqual({
      a: [
        [990_000, 100],
        [995_000, 2],
      ],
    });
  });

  test('is not taken for whole by history that came while the connection was broken', async () => {
    server.release = () => {};
    feedOf(buckets).show(LIVE, 1_000);
    await settle();
    server.connection.set('reconnecting');
    const { release } = server;
    server.release = undefined;
    release();
    await settle();
    expect(state()).toBe('reconnecting');
    server.stored = [point(990_000, 100)];
    server.connection.set('live');
    server.send();
    await settle();
    expect(held(feed.picture)).toEqual({ a: [[990_000, 100]] });
    expect(state()).toBe('live');
  });

  test('is asked for again and again where it cannot be followed', async () => {
    feedOf({ ...buckets, method: 'rate' }).show(LIVE, 1_000);
    await settle();
    expect(server.subscriptions).toEqual([]);
    await settle(10_000);
    expect(server.asked.length).toBeGreaterThanOrEqual(4);
  });
});

describe('a feed of a fixed window', () => {
  const STILL = { kind: 'still', from: 990_000, to: 1_000_000 } as const;

  test('follows nothing, and has what lies around its window', async () => {
    feedOf().show(STILL, 1_000);
    await settle();
    expect(state()).toBe('paused');
    expect(server.open).toEqual([]);
    expect(server.asked[0]?.span).toEqual({ from: 987_500, to: 1_002_500 });
  });

  test('asks once for many moves, and shows the old lines until the new ones are there', async () => {
    feedOf().show(LIVE, 1_000);
    await settle();
    for (let step = 0; step < 10; step += 1) feed.show({ ...STILL, from: STILL.from + step }, 1_000);
    expect(held(feed.picture).a?.length).toBe(2);
    await settle();
    expect(server.asked.length).toBe(2);
    expect(server.open).toEqual([]);
  });

  test('gives up what it asked for when it moves on', async () => {
    server.release = () => {};
    feedOf().show(STILL, 1_000);
    await settle();
    server.release = undefined;
    feed.show({ ...STILL, from: 980_000 }, 1_000);
    await settle();
    expect(server.asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(state()).toBe('paused');
  });
});

describe('a feed says', () => {
  test('when its newest point was, if the window has none', async () => {
    server.stored = [];
    server.newestTime = 5_000;
    feedOf().show(LIVE, 1_000);
    await settle();
    expect(feed.news.get().state).toEqual({ kind: 'empty', newest: 5_000 });
    server.send([point(1_000_000, 1)]);
    expect(state()).toBe('live');
  });

  test('why it has nothing, and tries again if that may help', async () => {
    server.trouble = new ApiError('The server does not answer.', 'NETWORK');
    feedOf().show(LIVE, 1_000);
    await settle();
    expect(feed.news.get().state).toEqual({ kind: 'error', error: server.trouble });
    server.trouble = undefined;
    await settle(4_000);
    expect(state()).toBe('live');
  });

  test('that a question is wrong, and does not ask it again', async () => {
    server.trouble = new ApiError('label: not a regular expression', 'BAD_USER_INPUT');
    feedOf().show(LIVE, 1_000);
    await settle(20_000);
    expect(state()).toBe('error');
    expect(server.asked.length).toBe(1);
  });

  test('that its subscription has ended, and begins another one', async () => {
    feedOf().show(LIVE, 1_000);
    await settle();
    server.open[0]?.sink.error(new ApiError('Postgres is away', 'UNAVAILABLE'));
    expect(state()).toBe('error');
    await settle(4_000);
    expect(state()).toBe('live');
    expect(server.subscriptions.length).toBe(2);
  });

  describe('that more series match than it shows', () => {
    beforeEach(() => {
      server.known = Array.from({ length: 21 }, (_, at) => ({
        key: `k${at}`,
        labels: [{ name: 'n', value: `${at}` }],
      }));
    });

    test('and asks for those with the greatest values, which stay for a while', async () => {
      const keys = Array.from({ length: 50 }, (_, at) => `cpu{n="${at}"}`);
      server.ranked = new Map(keys.map((key, at) => [key, at]));
      feedOf().show(LIVE, 1_000);
      await settle();
      expect(feed.news.get().tooMany).toBe('greatest');
      expect(feed.picture.lines.map(({ key }) => key)).toEqual(keys.slice(30).reverse());
      expect(server.asked[0]?.selector.matchers).toMatchObject([{ name: 'n', op: '=~' }]);
      server.send([{ key: 'cpu{n="29"}', time: 1_000_000, value: 1 }]);
      expect(feed.picture.lines.length).toBe(20);

      server.ranked = new Map(keys.map((key, at) => [key, -at]));
      feed.reload();
      await settle();
      expect(feed.picture.lines[0]?.key).toBe('cpu{n="49"}');
      server.time += 60_000;
      feed.reload();
      await settle();
      expect(feed.picture.lines[0]?.key).toBe('cpu{n="0"}');
    });

    test('and shows the first of them where there are too many to compare', async () => {
      feedOf().show(LIVE, 1_000);
      await settle();
      expect(feed.news.get().tooMany).toBe('first');
      expect(feed.picture.lines.map(({ key }) => key)).toEqual(server.known.slice(0, 20).map(({ key }) => key));
    });
  });

  test('that there is no such metric, or no such series of it', async () => {
    server.stored = [];
    server.known = [];
    feedOf().show(LIVE, 1_000);
    await settle();
    expect(feed.news.get().state).toEqual({ kind: 'empty', missing: 'metric' });
    const isPlain = ({ matchers }: Selector) => matchers.length === 0;
    server.series = async (selector) => (isPlain(selector) ? [{ key: 'a', labels: [] }] : []);
    feed.ask({ ...QUESTION, selector: { metric: 'cpu', matchers: [{ name: 'n', op: '=', value: 'x' }] } });
    await settle();
    expect(feed.news.get().state).toEqual({ kind: 'empty', missing: 'series' });
  });
});

test('a feed that is asked something else begins anew', async () => {
  feedOf().show(LIVE, 1_000);
  await settle();
  feed.ask({ ...QUESTION, selector: { metric: 'memory', matchers: [] } });
  await settle();
  expect(server.asked.map(({ selector }) => selector.metric)).toEqual(['cpu', 'memory']);
  expect(server.open.length).toBe(1);
});

test('a feed that is stopped leaves nothing behind', async () => {
  feedOf().show(LIVE, 1_000);
  await settle();
  feed.stop();
  await settle(60_000);
  expect(server.open).toEqual([]);
  expect(server.asked.length).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});
