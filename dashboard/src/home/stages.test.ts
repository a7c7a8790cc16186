import { expect, test } from 'vitest';
import { flowInto, sentence, why } from './stages';

test('the reason of the server goes before our own words', () => {
  expect(why({ name: 'STORE', state: 'STOPPED', why: 'Postgres is away.' })).toBe('Postgres is away.');
  expect(why({ name: 'STORE', state: 'IDLE', why: null })).toBe('No records arriving.');
  expect(why({ name: 'STORE', state: 'RUNNING', why: null })).toBe('Keeping up.');
});

test('without a subscriber nothing is to be delivered', () => {
  expect(why({ name: 'LIVE', state: 'IDLE', why: null })).toBe('No subscribers.');
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
