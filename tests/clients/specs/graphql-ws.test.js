// The client of graphql-ws against the running server.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { Cut } from '../support/cut.js';
import { Inbox } from '../support/inbox.js';
import { POINTS, sees, values } from '../support/points.js';
import { Server } from '../support/server.js';
import { unique } from '../support/wait.js';

describe('graphql-ws', { concurrency: true }, () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  const clientOf = (url, options) => createClient({ url, webSocketImpl: WebSocket, retryWait: async () => {}, ...options });

  test('a query brings its result', async () => {
    const client = clientOf(server.websocket);
    const results = [];
    for await (const result of client.iterate({ query: '{ __typename }' })) results.push(result);
    assert.deepEqual(results, [{ data: { __typename: 'Query' } }]);
  });

  test('a refused operation throws its errors', async () => {
    const client = clientOf(server.websocket);
    const refused = client.iterate({ query: '{ nothing }' }).next();
    await assert.rejects(refused, (errors) => errors[0].extensions.code === 'GRAPHQL_VALIDATION_FAILED');
  });

  test('a subscription brings every point once and in order, until it is left', async () => {
    const [client, metric] = [clientOf(server.websocket), unique('m')];
    const results = client.iterate({ query: POINTS, variables: { metric } });
    const next = async () => (await results.next()).value;
    assert.deepEqual(values(await next()), []);
    await server.publish(metric, 0, 100);
    await sees(next, 0, 100);
    await results.return();
  });

  test('operations share a connection', async () => {
    const opened = [];
    const client = clientOf(server.websocket, { on: { opened: (socket) => opened.push(socket) } });
    const metrics = [unique('m'), unique('m')];
    const all = metrics.map((metric) => client.iterate({ query: POINTS, variables: { metric } }));
    for (const results of all) await results.next();
    for (const metric of metrics) await server.publish(metric, 0, 10);
    for (const results of all) await sees(async () => (await results.next()).value, 0, 10);
    assert.equal(opened.length, 1);
    await client.dispose();
  });

  test('its keep-alive pings are answered', async () => {
    const pongs = new Inbox();
    const client = clientOf(server.websocket, { lazy: false, keepAlive: 20, on: { pong: (received) => pongs.push(received) } });
    for (let n = 0; n < 3; n++) assert.equal(await pongs.next('a pong'), true);
    await client.dispose();
  });

  test('it comes back by itself when the connection breaks', async () => {
    const [cut, metric] = [await Cut.before(server), unique('m')];
    const client = clientOf(cut.websocket);
    const results = client.iterate({ query: POINTS, variables: { metric } });
    const next = async () => (await results.next()).value;
    await next();
    for (let n = 0; n < 3; n++) {
      cut.cut();
      assert.deepEqual(values(await next()), []);
      await server.publish(metric, n, n + 1);
      await sees(next, n, n + 1);
    }
    assert.equal(cut.connections, 4);
    await client.dispose();
    cut.close();
  });

  test('left to itself it sends its old cursor again, and gets what it has had', async () => {
    const [cut, metric] = [await Cut.before(server), unique('m')];
    const client = clientOf(cut.websocket);
    const first = client.iterate({ query: POINTS, variables: { metric } });
    const cursor = (await first.next()).value.data.points.cursor;
    await first.return();
    const results = client.iterate({ query: POINTS, variables: { metric, after: cursor } });
    const next = async () => (await results.next()).value;
    await server.publish(metric, 0, 10);
    await sees(next, 0, 10);
    cut.cut();
    await sees(next, 0, 10);
    await client.dispose();
    cut.close();
  });

  test('a subscription that begins with stored points goes on with live ones', async () => {
    const [client, metric] = [clientOf(server.websocket), unique('m')];
    await server.publish(metric, 0, 50);
    await server.stored(metric, 50);
    const results = client.iterate({ query: POINTS, variables: { metric, backfill: '2h' } });
    const next = async () => (await results.next()).value;
    await sees(next, 0, 50);
    await server.publish(metric, 50, 60);
    await sees(next, 50, 60);
    await client.dispose();
  });

  test('a server that drains sends it away, and it goes on when the server is back', async () => {
    const own = await Server.start({ brokers: server.brokers, topic: server.topic });
    const metric = unique('m');
    const closed = new Inbox();
    const client = clientOf(own.websocket, {
      shouldRetry: () => true,
      retryAttempts: Infinity,
      on: { closed: (event) => closed.push(event.code) },
    });
    try {
      const results = client.iterate({ query: POINTS, variables: { metric } });
      const next = async () => (await results.next()).value;
      await next();
      await own.terminate();
      assert.equal(await closed.next('the close'), 1001);
      await own.startAgain();
      await own.subscribers(1);
      await own.publish(metric, 0, 5);
      const good = async () => {
        for (;;) {
          const result = await next();
          if (!result.errors) return result;
          assert.equal(result.errors[0].extensions.code, 'GOING_AWAY');
        }
      };
      await sees(good, 0, 5);
    } finally {
      await client.dispose();
      await own.stop();
    }
  });
});
