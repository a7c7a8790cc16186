import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createClient } from '../dist/src/index.js';

/** A client of a server that gives these answers, and what was sent to it. */
function stage(answers, options) {
  const sent = [];
  const fetch = async (url, init) => {
    sent.push({ url: `${url}`, headers: init.headers, ...JSON.parse(init.body) });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    const [status, body] = answer;
    return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status });
  };
  return { sent, client: createClient({ url: 'https://example.org/streamsync', fetch, ...options }) };
}

const refused = [401, { errors: [{ message: 'The token has expired', extensions: { code: 'UNAUTHENTICATED' } }] }];
const answered = [200, { data: { metrics: [] } }];
const failsWith = (code) => (error) => error.name === 'StreamSyncError' && error.code === code;

test('a request is sent below the address that was given', async () => {
  const { client, sent } = stage([answered]);
  assert.deepEqual(await client.metrics({ search: 'cpu' }), []);
  assert.equal(sent[0].url, 'https://example.org/streamsync/graphql');
  assert.deepEqual(sent[0].variables, { search: 'cpu' });
  assert.equal(sent[0].headers.authorization, undefined);
});

test('the token is asked for at each request, and once more after a refusal', async () => {
  let asked = 0;
  const { client, sent } = stage([answered, refused, answered, refused, refused], { token: async () => `t${++asked}` });
  await client.metrics();
  await client.metrics();
  await assert.rejects(client.metrics(), failsWith('UNAUTHENTICATED'));
  assert.deepEqual(sent.map(({ headers }) => headers.authorization), ['Bearer t1', 'Bearer t2', 'Bearer t3', 'Bearer t4', 'Bearer t5']);
});

test('an error has the code of the API, or says what came instead of an answer', async () => {
  const problem = { message: 'too much', extensions: { code: 'TOO_MANY_ROWS', rows: 7 } };
  const { client } = stage([[200, { data: null, errors: [problem] }], [502, '<html>'], new TypeError('fetch failed')]);
  await assert.rejects(client.metrics(), (error) => failsWith('TOO_MANY_ROWS')(error) && error.extensions.rows === 7 && !error.passes);
  await assert.rejects(client.metrics(), (error) => failsWith('HTTP_502')(error) && error.passes);
  await assert.rejects(client.metrics(), (error) => failsWith('NETWORK')(error) && error.cause.message === 'fetch failed');
});

test('a request that is given up fails with the reason', async () => {
  const { client } = stage([new Error('aborted')]);
  await assert.rejects(client.metrics({}, { signal: AbortSignal.abort(new Error('enough')) }), { message: 'enough' });
});

test('of history only the aggregates that are asked for are sent', async () => {
  const { client, sent } = stage([[200, { data: { history: [] } }]]);
  await client.history({ selector: { metric: 'cpu' }, from: '2026-01-31T12:00:00Z', step: '5m', aggregate: ['MIN', 'MAX'] });
  assert.deepEqual(sent[0].variables, {
    selector: { metric: 'cpu' },
    from: '2026-01-31T12:00:00Z',
    step: '5m',
    aggregate: ['MIN', 'MAX'],
    min: true,
    max: true,
    withPercentiles: false,
  });
});

test('a client that only asks needs no WebSocket', async () => {
  const known = globalThis.WebSocket;
  delete globalThis.WebSocket;
  try {
    const { client } = stage([answered]);
    await client.metrics();
    assert.throws(() => client.points({ selector: {} }), /WebSocket implementation missing/);
  } finally {
    if (known) globalThis.WebSocket = known;
  }
});
