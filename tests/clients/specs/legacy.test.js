// The older protocol, as its own client speaks it.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { legacyClient } from '../support/clients.js';
import { Cut } from '../support/cut.js';
import { Inbox } from '../support/inbox.js';
import { HISTORY, POINTS, range, sees, values } from '../support/points.js';
import { Server } from '../support/server.js';
import { unique } from '../support/wait.js';

describe('subscriptions-transport-ws', { concurrency: true }, () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  const request = (client, query, variables) => {
    const inbox = new Inbox();
    const { unsubscribe } = client.request({ query, variables }).subscribe({
      next: (result) => inbox.push(result),
      error: (error) => inbox.push({ error }),
      complete: () => inbox.push({ complete: true }),
    });
    return { next: () => inbox.next(), stop: unsubscribe };
  };

  test('a query brings what is stored, and completes', async () => {
    const [client, metric] = [legacyClient(server), unique('m')];
    await server.publish(metric, 0, 10);
    await server.stored(metric, 10);
    const { next } = request(client, HISTORY, { metric, from: '2000-01-01T00:00:00Z' });
    const { data } = await next();
    assert.deepEqual(data.history[0].points.map((point) => point.value), range(0, 10));
    assert.deepEqual(await next(), { complete: true });
    client.close();
  });

  test('a refused operation has its message', async () => {
    const client = legacyClient(server);
    const { error } = await request(client, '{ nothing }').next();
    assert.match(error.message, /nothing/);
    client.close();
  });

  test('a subscription brings every point once and in order, until it is left', async () => {
    const [client, metric] = [legacyClient(server), unique('m')];
    const { next, stop } = request(client, POINTS, { metric });
    assert.deepEqual(values(await next()), []);
    await server.publish(metric, 0, 100);
    await sees(next, 0, 100);
    stop();
    client.close();
  });

  test('it comes back by itself when the connection breaks', async () => {
    const [cut, metric] = [await Cut.before(server), unique('m')];
    const client = legacyClient(cut);
    const { next } = request(client, POINTS, { metric });
    await next();
    cut.cut();
    assert.deepEqual(values(await next()), []);
    await server.publish(metric, 0, 10);
    await sees(next, 0, 10);
    client.close();
    cut.close();
  });

  test('a server that drains sends it away, and it goes on when the server is back', async () => {
    const own = await Server.start({ brokers: server.brokers, topic: server.topic });
    const [client, metric] = [legacyClient(own), unique('m')];
    const { next } = request(client, POINTS, { metric });
    const good = async () => {
      for (;;) {
        const result = await next();
        if (!result.errors) return result;
        assert.equal(result.errors[0].extensions.code, 'GOING_AWAY');
      }
    };
    try {
      await good();
      await own.terminate();
      await own.startAgain();
      await own.subscribers(1);
      await server.publish(metric, 0, 10);
      await sees(good, 0, 10);
    } finally {
      client.close();
      await own.stop();
    }
  });
});
