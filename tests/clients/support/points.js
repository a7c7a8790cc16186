// The subscription that the tests use, and what it brought.

import assert from 'node:assert/strict';

export const POINTS = `subscription Points($metric: String!, $after: Cursor, $backfill: Duration) {
  points(selector: { metric: $metric }, after: $after, backfill: $backfill) {
    cursor
    conflated
    points { ts value }
  }
}`;

export const HISTORY = `query History($metric: String!, $from: DateTime!) {
  history(selector: { metric: $metric }, from: $from) { points { value } }
}`;

/** The values of a result, in order. */
export const values = (result) => result.data.points.points.map((point) => point.value);

export const range = (from, to) => Array.from({ length: to - from }, (_, n) => from + n);

/** Takes results from `next` until it has as many points as wanted; they must be exactly these. */
export async function sees(next, from, to) {
  const seen = [];
  let cursor;
  while (seen.length < to - from) {
    const result = await next();
    assert.equal(result.errors, undefined, JSON.stringify(result.errors));
    seen.push(...values(result));
    cursor = result.data.points.cursor;
  }
  assert.deepEqual(seen, range(from, to));
  return cursor;
}
