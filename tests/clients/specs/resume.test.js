// clients/js/resume: exact continuation after a broken connection, in every client.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { resumable } from '../../../clients/js/resume/index.js';
import { Cut } from '../support/cut.js';
import { Inbox } from '../support/inbox.js';
import { POINTS, sees, values } from '../support/points.js';
import { Server } from '../support/server.js';
import { unique } from '../support/wait.js';

describe('resuming with graphql-ws', { concurrency: true }, () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  const clientOf = (url, options) => {
    const client = createClient({
      url,
      webSocketImpl: WebSocket,
      retryAttempts: Infinity,
      shouldRetry: () => true,
      retryWait: async (retries) => new Promise((resolve) => setTimeout(resolve, retries && 100)),
    });
    return resumable(client, options);
  };

  test('twenty cuts lose no point and repeat none', async () => {
    const [cut, metric] = [await Cut.before(server), unique('m')];
    const client = clientOf(cut.websocket);
    const results = client.iterate({ query: POINTS, variables: { metric } });
    const next = async () => (await results.next()).value;
    await next();
    for (let n = 0; n < 20; n++) {
      // Some are on their way when it breaks, some come while nobody listens.
      await server.publish(metric, n * 10, n * 10 + 5);
      cut.cut();
      await server.publish(metric, n * 10 + 5, n * 10 + 10);
      await sees(next, n * 10, n * 10 + 10);
    }
    await results.return();
    cut.close();
  });
});
