import { describe, expect, test } from 'vitest';
import { LINES_MAX } from '@/charts/look';
import { type History, Picture, type Update } from './picture';
import { held } from './picture.fixture';

const history = (points: Record<string, [number, number][]>): History[] =>
  Object.entries(points).map(([key, all]) => ({
    key,
    points: { times: all.map(([time]) => time), values: all.map(([, value]) => value) },
  }));

describe('a picture', () => {
  test('lays what came live over history that was on its way', () => {
    const picture = new Picture({ kind: 'points' });
    picture.beginLoad();
    picture.put({ key: 'a', time: 2, value: 21 });
    picture.put({ key: 'a', time: 4, value: 40 });
    picture.finishLoad(
      0,
      4,
      history({
        a: [
          [1, 10],
          [2, 20],
          [3, 30],
        ],
      }),
    );
    expect(held(picture)).toEqual({
      a: [
        [1, 10],
        [2, 21],
        [3, 30],
        [4, 40],
      ],
    });
  });

  test('believes history over what came before it was asked', () => {
    const picture = new Picture({ kind: 'points' });
    picture.put({ key: 'a', time: 2, value: 20 });
    picture.beginLoad();
    picture.finishLoad(0, 4, history({ a: [[2, 22]] }));
    expect(held(picture)).toEqual({ a: [[2, 22]] });
  });

  test('keeps the order of the lines it was told', () => {
    const picture = new Picture({ kind: 'points' }, ['a', 'b', 'c']);
    picture.put({ key: 'c', time: 1, value: 1 });
    expect(picture.lines.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  });

  test('has no other lines when it is closed, and never too many', () => {
    const closed = new Picture({ kind: 'points' }, ['a'], true);
    closed.put({ key: 'b', time: 1, value: 1 });
    expect(closed.lines.map(({ key }) => key)).toEqual(['a']);
    const open = new Picture({ kind: 'points' });
    for (let at = 0; at < LINES_MAX + 5; at += 1) open.put({ key: `${at}`, time: 1, value: 1 });
    expect(open.lines.length).toBe(LINES_MAX);
  });
});

describe('history and live together', () => {
  /** Commits at random, with late points and corrections; live brings each of them some time after. */
  function interleave(seed: number) {
    let state = seed;
    const random = (below: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * below);
    };
    const committed = new Map<string, Map<number, number>>([
      ['a', new Map()],
      ['b', new Map()],
    ]);
    const onTheWay: Update[] = [];
    const picture = new Picture({ kind: 'points' });
    let answer: History[] | undefined;
    let asked = false;

    const commit = (step: number) => {
      const key = random(2) ? 'a' : 'b';
      const time = random(4) ? step : random(step + 1);
      committed.get(key)?.set(time, step);
      // Followed from the first moment that history is asked for, and before.
      if (step >= 30) onTheWay.push({ key, time, value: step });
    };
    const deliver = () => {
      const next = onTheWay.shift();
      if (next) picture.put(next);
    };
    const read = () => {
      answer = history(
        Object.fromEntries([...committed].map(([key, points]) => [key, [...points].sort(([a], [b]) => a - b)])),
      );
    };
    for (let step = 0; step < 300; step += 1) {
      commit(step);
      if (step > 30 && random(2)) deliver();
      if (!asked && step >= 40 && random(10) === 0) {
        asked = true;
        picture.beginLoad();
      } else if (asked && !answer && random(8) === 0) read();
      else if (answer && random(8) === 0) {
        picture.finishLoad(Number.NEGATIVE_INFINITY, step + 1, answer);
        answer = undefined;
        asked = false;
      }
    }
    if (!asked) picture.beginLoad();
    if (!answer) read();
    for (let at = random(5); at > 0; at -= 1) deliver();
    picture.finishLoad(Number.NEGATIVE_INFINITY, 300, answer as unknown as History[]);
    while (onTheWay.length) deliver();

    const expected = Object.fromEntries(
      [...committed].map(([key, points]) => [key, [...points].sort(([a], [b]) => a - b)]),
    );
    return { held: held(picture), expected };
  }

  test('are what was committed, however they interleave', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const { held, expected } = interleave(seed);
      expect(held).toEqual(expected);
    }
  });
});
