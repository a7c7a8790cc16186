import { describe, expect, test } from 'vitest';
import { Columns, POINTS_MAX } from './columns';

const held = (line: Columns) => ({
  times: [...line.times.subarray(line.start, line.end)],
  values: [...line.values.subarray(line.start, line.end)],
});

const lineOf = (...points: [number, number][]) => {
  const line = new Columns();
  for (const [time, value] of points) line.put(time, value);
  return line;
};

describe('a line', () => {
  test('holds points by time, however they come', () => {
    expect(held(lineOf([3, 30], [1, 10], [2, 20]))).toEqual({ times: [1, 2, 3], values: [10, 20, 30] });
  });

  test('holds each time once: a point that comes twice or is corrected changes in its place', () => {
    expect(held(lineOf([1, 10], [2, 20], [1, 11], [2, 20]))).toEqual({ times: [1, 2], values: [11, 20] });
  });

  test('tells microseconds apart', () => {
    const first = 1_795_551_021_020.001;
    expect(lineOf([first, 1], [first + 0.001, 2]).length).toBe(2);
  });

  test('keeps a band beside its values, also where points with and without one mix', () => {
    const line = lineOf([1, 10]);
    line.put(3, 30, 29, 31);
    line.put(2, 20, 19, 21);
    expect([...line.lows.subarray(line.start, line.end)]).toEqual([Number.NaN, 19, 29]);
    expect([...line.highs.subarray(line.start, line.end)]).toEqual([Number.NaN, 21, 31]);
  });

  test('replaces a span and leaves what is around it', () => {
    const line = lineOf([1, 1], [2, 2], [3, 3], [4, 4]);
    line.replace(2, 4, { times: [2.5, 3], values: [25, 33] });
    expect(held(line)).toEqual({ times: [1, 2.5, 3, 4], values: [1, 25, 33, 4] });
  });

  test('lets go of what is old, and finds what is left', () => {
    const line = lineOf([1, 1], [2, 2], [3, 3]);
    line.trim(2);
    expect(held(line).times).toEqual([2, 3]);
    expect([line.lastBy(1.9), line.lastBy(2), line.lastBy(9)]).toEqual([-1, line.start, line.end - 1]);
  });

  test('stays small when it lives for long', () => {
    const line = new Columns();
    for (let time = 0; time < 100_000; time += 1) {
      line.put(time, time);
      if (time % 100 === 0) line.trim(time - 1_000);
    }
    expect(line.length).toBeLessThan(1_200);
    expect(line.times.length).toBeLessThanOrEqual(4_096);
  });

  test('is bounded even when nothing is let go', () => {
    const line = new Columns();
    for (let time = 0; time < POINTS_MAX + 5; time += 1) line.put(time, 0);
    expect(line.length).toBe(POINTS_MAX);
    expect(line.times[line.start]).toBe(5);
  });

  test('equals a sorted map after any history of points', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    for (let round = 0; round < 50; round += 1) {
      const line = new Columns();
      const expected = new Map<number, number>();
      for (let step = 0; step < 600; step += 1) {
        const time = random(3) ? step : random(600);
        line.put(time, step);
        expected.set(time, step);
        if (random(100) === 0) {
          const before = random(300);
          line.trim(before);
          for (const known of [...expected.keys()]) if (known < before) expected.delete(known);
        }
      }
      const times = [...expected.keys()].sort((a, b) => a - b);
      expect(held(line)).toEqual({ times, values: times.map((time) => expected.get(time)) });
    }
  });
});
