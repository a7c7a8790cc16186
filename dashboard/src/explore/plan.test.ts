import { describe, expect, test } from 'vitest';
import { followingOf, hasOutgrown, planFor, stepFor, type Wish } from './plan';

const WISH: Wish = { method: 'auto', fill: 'none', band: true };
const MINUTE = 60_000;

describe('a step', () => {
  test('is the shortest round width with at most a bucket for two pixels', () => {
    expect(stepFor(5 * MINUTE, 1_000)).toBe(1_000);
    expect(stepFor(60 * MINUTE, 1_000)).toBe(10_000);
    expect(stepFor(30 * 1_440 * MINUTE, 1_200)).toBe(7_200_000);
  });

  test('is there for any window', () => {
    for (const span of [1, 10, 1e4, 1e9, 1e12, 4e12]) {
      const step = stepFor(span, 1_000);
      expect(step >= 10 && span / step).toBeLessThanOrEqual(500);
    }
  });
});

describe('a plan', () => {
  test('has the stored points where they are few', () => {
    expect(planFor(WISH, MINUTE, 1_000, [500, 700])).toEqual({ kind: 'points' });
  });

  test('has buckets with a band where points are many', () => {
    expect(planFor(WISH, 5 * MINUTE, 1_000, [6_000])).toEqual({
      kind: 'buckets',
      step: 1_000,
      columns: ['avg', 'min', 'max'],
      fill: 'none',
    });
  });

  test('has buckets where lines are so many that their points are too', () => {
    expect(planFor(WISH, MINUTE, 4_000, Array(20).fill(4_000)).kind).toBe('buckets');
  });

  test('thins stored points that are insisted on, once they are too many', () => {
    const wish: Wish = { ...WISH, method: 'points' };
    expect(planFor(wish, MINUTE, 1_000, [5_000]).kind).toBe('points');
    expect(planFor(wish, MINUTE, 1_000, [5_001]).kind).toBe('thinned');
  });

  test('keeps the step that is wished, unless nobody could see it', () => {
    expect(planFor({ ...WISH, step: '10s' }, 60 * MINUTE, 1_000)).toMatchObject({ step: 10_000 });
    expect(planFor({ ...WISH, step: '10ms' }, 60 * MINUTE, 1_000)).toMatchObject({ step: 1_000 });
  });

  test('asks for nothing twice', () => {
    expect(planFor({ ...WISH, method: 'min' }, MINUTE, 1_000)).toMatchObject({ columns: ['min', 'max'] });
    expect(planFor({ ...WISH, method: 'p99', band: false }, MINUTE, 1_000)).toMatchObject({ columns: ['p99'] });
  });

  test('is given up once points have outgrown it', () => {
    const plan = planFor(WISH, MINUTE, 1_000, [500]);
    expect(hasOutgrown(plan, WISH, 3_999, 1_000)).toBe(false);
    expect(hasOutgrown(plan, WISH, 4_001, 1_000)).toBe(true);
  });
});

test('the present is followed by points, by windows where the server has them live, else by asking again', () => {
  const following = (wish: Partial<Wish>) => followingOf(planFor({ ...WISH, step: '1s', ...wish }, MINUTE, 1_000));
  expect(followingOf({ kind: 'points' })).toBe('points');
  expect(followingOf({ kind: 'thinned', max: 10 })).toBe('points');
  expect(following({})).toBe('aggregates');
  expect(following({ method: 'rate' })).toBe('asking');
  expect(following({ method: 'p99' })).toBe('asking');
  expect(following({ fill: 'linear' })).toBe('asking');
  expect(following({ group: { by: [], across: 'sum' } })).toBe('asking');
});
