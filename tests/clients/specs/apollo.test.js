// Apollo Client without any help: queries, subscriptions over WebSocket and over multipart.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { CombinedGraphQLErrors, HttpLink, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';

import { apolloClient, retryLink, websocketClient } from '../support/clients.js';
import { Inbox } from '../support/inbox.js';
import { HISTORY, POINTS, range, sees, values } from '../support/points.js';
import { Server } from '../support/server.js';
import { unique } from '../support/wait.js';

describe('Apollo Client', { concurrency: true }, () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  const transports = {
    HTTP: (to) => ({ client: apolloClient(new HttpLink({ uri: to.graphql })), close() {} }),
    'HTTP with retries': (to) => ({ client: apolloClient(retryLink(), new HttpLink({ uri: to.graphql })), close() {} }),
    WebSocket: (to) => {
      const socket = websocketClient(to);
      return { client: apolloClient(new GraphQLWsLink(socket)), close: () => socket.dispose() };
    },
  };
  /** `sends` is told of each request. */
  const persisted = (to, sends = () => {}) => {
    const hashes = new PersistedQueryLink({
      sha256: (text) => createHash('sha256').update(text).digest('hex'),
      useGETForHashedQueries: true,
    });
    const send = (url, options) => {
      sends({ url: new URL(url), ...options });
      return fetch(url, options);
    };
    return apolloClient(hashes, new HttpLink({ uri: to.graphql, fetch: send }));
  };
  transports['HTTP with persisted queries'] = (to) => ({ client: persisted(to), close() {} });
  const watch = (client, query, variables) => {
    const inbox = new Inbox();
    const results = client.subscribe({ query: gql(query), variables, fetchPolicy: 'no-cache' });
    const subscription = results.subscribe({
      next: ({ data, error }) => inbox.push(error ? { error } : { data }),
      error: (error) => inbox.push({ error }),
      complete: () => inbox.push({ complete: true }),
    });
    return { next: () => inbox.next(), stop: () => subscription.unsubscribe() };
  };

  for (const [name, connect] of Object.entries(transports)) {
    test(`a query over ${name} brings what is stored`, async () => {
      const [{ client, close }, metric] = [connect(server), unique('m')];
      await server.publish(metric, 0, 10);
      await server.stored(metric, 10);
      const variables = { metric, from: '2000-01-01T00:00:00Z' };
      const { data } = await client.query({ query: gql(HISTORY), variables });
      assert.deepEqual(data.history[0].points.map((point) => point.value), range(0, 10));
      close();
    });

    test(`a query that fails over ${name} has its code`, async () => {
      const { client, close } = connect(server);
      const failing = client.query({ query: gql('{ nothing }') });
      await assert.rejects(failing, (error) => {
        assert.ok(CombinedGraphQLErrors.is(error), String(error));
        return error.errors[0].extensions.code === 'GRAPHQL_VALIDATION_FAILED';
      });
      close();
    });

    test(`a subscription over ${name} brings every point once and in order, until it is left`, async () => {
      const [{ client, close }, metric] = [connect(server), unique('m')];
      const { next, stop } = watch(client, POINTS, { metric });
      assert.deepEqual(values(await next()), []);
      await server.publish(metric, 0, 100);
      await sees(next, 0, 100);
      stop();
      close();
    });

    test(`a subscription that is refused over ${name} has its code`, async () => {
      const { client, close } = connect(server);
      const { next } = watch(client, POINTS, { metric: 'm', after: 'not a cursor' });
      const { error } = await next();
      assert.ok(CombinedGraphQLErrors.is(error), String(error));
      assert.equal(error.errors[0].extensions.code, 'BAD_USER_INPUT');
      close();
    });
  }

  test('a query is sent once, and from then on by anybody with its hash alone', async () => {
    const metric = unique('m');
    // Which nobody has sent before.
    const query = gql(`query { ${metric.replace(/\W/g, '_')}: pipeline { ready } }`);
    const sent = [];
    for (let n = 0; n < 2; n++) {
      const client = persisted(server, ({ url, method, body }) => sent.push([method, `${url.search}${body ?? ''}`.includes('ready')]));
      const { data } = await client.query({ query });
      assert.deepEqual(Object.values(data), [{ __typename: 'PipelineStatus', ready: true }]);
    }
    assert.deepEqual(sent, [['GET', false], ['POST', true], ['GET', false]]);
  });

  for (const name of ['HTTP with retries', 'WebSocket']) {
    test(`a subscription over ${name} survives that the server drains and comes back`, async () => {
      const own = await Server.start({ brokers: server.brokers, topic: server.topic });
      const [{ client, close }, metric] = [transports[name](own), unique('m')];
      const { next, stop } = watch(client, POINTS, { metric });
      // That the server goes away may be told, as an error that ends nothing.
      const told = async () => {
        for (;;) {
          const { data, error } = await next();
          if (data) return { data };
          assert.equal(error.errors[0].extensions.code, 'GOING_AWAY');
        }
      };
      try {
        await told();
        await own.terminate();
        await own.startAgain();
        await own.subscribers(1);
        await server.publish(metric, 0, 10);
        await sees(told, 0, 10);
      } finally {
        stop();
        close();
        await own.stop();
      }
    });
  }
});
