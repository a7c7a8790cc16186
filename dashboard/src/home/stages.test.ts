import { expect, test } from 'vitest';
import { flowInto, sentence, why } from './stages';

test('the reason of the server goes before our own words', () => {
  expect(why({ state: 'STOPPED', why: 'Postgres is away.' })).toBe('Postgres is away.');
  expect(why({ state: 'IDLE', why: null })).toBe('Nothing comes.');
  expect(why({ state: 'RUNNING', why: null })).toBe('It keeps up.');
});

test('only what flows moves', () => {
  expect(flowInto({ state: 'RUNNING', rate: 3 })).toBe('moving');
  expect(flowInto({ state: 'RUNNING', rate: 0 })).toBe('still');
  expect(flowInto({ state: 'WAITING', rate: 3 })).toBe('blocked');
});

test('what the server lists becomes a sentence', () => {
  expect(['kafka: connection refused', 'Redis is away.'].map(sentence)).toEqual([
    'Kafka: connection refused.',
    'Redis is away.',
  ]);
});
