import { describe, expect, test } from 'vitest';
import { Columns } from './columns';
import { type Projection, trace, traceBand } from './trace';

/** One pixel for each unit of time and value, 100 high. */
const PROJECTION: Projection = { from: 0, perTime: 1, low: 0, high: 100, height: 100 };
const ALL = { from: 0, to: 1_000 };

function notes() {
  const steps: string[] = [];
  const note = (what: string) => (x: number, y: number) => void steps.push(`${what}${x},${y}`);
  return { pen: { moveTo: note('M'), lineTo: note('L') }, steps };
}

function drawn(points: [number, number][], longest = Number.POSITIVE_INFINITY, span = ALL): string {
  const line = new Columns();
  for (const [time, value] of points) line.put(time, value);
  const { pen, steps } = notes();
  trace(pen, line, PROJECTION, span, longest);
  return steps.join(' ');
}

describe('a line is drawn', () => {
  test('from point to point, the greater value further up', () => {
    expect(
      drawn([
        [0, 10],
        [5, 90],
      ]),
    ).toBe('M0,90 L5,10');
  });

  test('as the extent of each column of pixels, in the order in which it was met', () => {
    expect(
      drawn([
        [1, 50],
        [1.2, 80],
        [1.4, 20],
        [1.6, 60],
        [3, 50],
      ]),
    ).toBe('M1,20 L1,80 L3,50');
  });

  test('with a break where points are too far apart, and where no value is known', () => {
    const points: [number, number][] = [
      [0, 0],
      [5, 0],
      [20, 0],
      [25, 0],
      [30, Number.NaN],
      [35, 0],
      [40, 0],
    ];
    expect(drawn(points, 10)).toBe('M0,100 L5,100 M20,100 L25,100 M35,100 L40,100');
  });

  test('so that a point without neighbours is seen', () => {
    expect(
      drawn(
        [
          [0, 0],
          [50, 0],
          [100, 0],
        ],
        10,
      ),
    ).toBe('M0,100 L2,100 M50,100 L52,100 M100,100 L102,100');
  });

  test('in a span with the points next to it, so that it crosses the borders', () => {
    const points = Array.from({ length: 10 }, (_, at): [number, number] => [at * 10, 0]);
    expect(drawn(points, 100, { from: 35, to: 45 })).toBe('M30,100 L40,100 L50,100');
  });

  test('with every peak, however many points a column has', () => {
    const points = Array.from({ length: 10_000 }, (_, at): [number, number] => [at / 100, at === 4_321 ? 99 : 1]);
    const steps = drawn(points).split(' ');
    expect(steps.length).toBeLessThanOrEqual(200);
    expect(steps.some((step) => step.endsWith(',1'))).toBe(true);
  });
});

test('a band is outlined above and back below, and broken like its line', () => {
  const line = new Columns();
  for (const time of [0, 10, 50, 60]) line.put(time, 50, 40, 60);
  const { pen, steps } = notes();
  traceBand(pen, line, PROJECTION, ALL, 15);
  expect(steps.join(' ')).toBe('M0,40 L10,40 L10,60 L0,60 M50,40 L60,40 L60,60 L50,60');
});
