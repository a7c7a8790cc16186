import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { StreamSyncError } from '../dist/src/errors.js';
import { liveLatest, liveSeries } from '../dist/src/live.js';

const series = { key: 'a', metric: 'a', labels: [] };
const point = (second, value) => ({ series, ts: `2026-01-31T12:00:0${second}.000000Z`, value });
const batch = (...points) => ({ points: { points } });
const turns = () => new Promise((resolve) => setImmediate(resolve));

/** A client whose subscriptions and answers are played by the test, and a store of it. */
async function played(live, answers, play) {
  mock.timers.enable({ apis: ['setTimeout'] });
  const opened = [];
  const client = {
    subscribe(_document, variables, sink, resuming) {
      opened.push({ variables, sink, resuming });
      return () => {};
    },
    async latest() {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const store = live(client, { selector: {}, last: '1m' });
  const leave = store.subscribe(() => {});
  const shown = async () => {
    await turns();
    mock.timers.tick(16);
    return store.get();
  };
  try {
    await play({ opened, shown });
  } finally {
    leave();
    mock.timers.reset();
  }
}

test('after a gap a series is read again, and shows nothing of before', () =>
  played(liveSeries, [], async ({ opened, shown }) => {
    opened[0].sink.next(batch(point(1, 1)));
    opened[0].sink.error(new StreamSyncError('gone', 'RESUME_GAP'));
    assert.deepEqual(opened.map(({ variables }) => variables.backfill), ['1m', '1m']);
    opened[1].sink.next(batch(point(3, 3)));
    assert.deepEqual((await shown()).series, [{ ...series, points: [{ ts: point(3).ts, value: 3 }] }]);
  }));

test('an error is shown beside what is known', () =>
  played(liveSeries, [], async ({ opened, shown }) => {
    opened[0].sink.next(batch(point(1, 1)));
    opened[0].sink.error(new StreamSyncError('no', 'FORBIDDEN'));
    const { error, series, loading } = await shown();
    assert.deepEqual([error.code, series.length, loading], ['FORBIDDEN', 1, false]);
  }));

test('an answer never takes the place of a live point that is as new', () =>
  played(liveLatest, [[point(2, 2)]], async ({ opened, shown }) => {
    opened[0].sink.next(batch(point(2, 20)));
    assert.deepEqual((await shown()).points, [point(2, 20)]);
    opened[0].sink.next(batch(point(1, 1)));
    opened[0].sink.next(batch(point(2, 21)));
    assert.deepEqual((await shown()).points, [point(2, 21)]);
  }));

test('the newest points are asked for again after an error that passes, and after a gap', () =>
  played(liveLatest, [new StreamSyncError('later', 'UNAVAILABLE'), [point(1, 1)], [point(5, 5)]], async ({ opened, shown }) => {
    opened[0].sink.next(batch());
    assert.deepEqual(await shown(), { loading: true, points: [] });
    mock.timers.tick(1_000);
    assert.deepEqual(await shown(), { loading: false, points: [point(1, 1)] });
    assert.equal(opened[0].resuming.onGap('earliest'), 'earliest');
    opened[0].sink.next(batch());
    assert.deepEqual((await shown()).points, [point(5, 5)]);
  }));
