// urql without any help: queries, subscriptions over graphql-ws and over Server-Sent Events.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { urqlClient, websocketClient } from '../support/clients.js';
import { Inbox } from '../support/inbox.js';
import { HISTORY, POINTS, range, sees, values } from '../support/points.js';
import { Server } from '../support/server.js';
import { unique } from '../support/wait.js';

describe('urql', { concurrency: true }, () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  test('a query brings what is stored', async () => {
    const metric = unique('m');
    await server.publish(metric, 0, 10);
    await server.stored(metric, 10);
    const variables = { metric, from: '2000-01-01T00:00:00Z' };
    const { data, error } = await urqlClient(server).query(HISTORY, variables);
    assert.equal(error, undefined);
    assert.deepEqual(data.history[0].points.map((point) => point.value), range(0, 10));
  });

  test('a query that fails has its code', async () => {
    const { error } = await urqlClient(server).query('{ nothing }', {});
    assert.equal(error.graphQLErrors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
  });

  const transports = { 'graphql-ws': () => websocketClient(server), 'Server-Sent Events': () => undefined };
  for (const [name, connect] of Object.entries(transports)) {
    test(`a subscription over ${name} brings every point once and in order, until it is left`, async () => {
      const [socket, metric, inbox] = [connect(), unique('m'), new Inbox()];
      const results = urqlClient(server, socket).subscription(POINTS, { metric });
      const { unsubscribe } = results.subscribe(({ data, error }) => inbox.push({ data, errors: error?.graphQLErrors }));
      const next = () => inbox.next();
      assert.deepEqual(values(await next()), []);
      await server.publish(metric, 0, 100);
      await sees(next, 0, 100);
      unsubscribe();
      socket?.dispose();
    });

    test(`a subscription that is refused over ${name} has its code`, async () => {
      const [socket, inbox] = [connect(), new Inbox()];
      const results = urqlClient(server, socket).subscription(POINTS, { metric: 'm', after: 'not a cursor' });
      const { unsubscribe } = results.subscribe(({ error }) => inbox.push(error));
      const error = await inbox.next();
      assert.equal(error.graphQLErrors[0].extensions.code, 'BAD_USER_INPUT');
      unsubscribe();
      socket?.dispose();
    });
  }
});
