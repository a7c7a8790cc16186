// clients/js/resume: exact continuation after a broken connection, in every client.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { resumable } from '../../../clients/js/resume/index.js';
import { resuming, websocketClient } from '../support/clients.js';
import { Inbox } from '../support/inbox.js';
import { POINTS } from '../support/points.js';
import { noticesGaps, survivesCuts, survivesRestart } from '../support/resuming.js';
import { Server } from '../support/server.js';
import { unique } from '../support/wait.js';

describe('with the helper every client resumes exactly', { concurrency: 4 }, () => {
  const clients = Object.entries(resuming);
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  for (const client of clients) {
    test(`${client[0]}: when its connection breaks`, () => survivesCuts(server, client));
    test(`${client[0]}: when it has begun with stored points`, () => survivesCuts(server, client, { backfill: '2h' }));
  }

  test('graphql-ws by iteration: leaving ends the subscription, also while it waits', async () => {
    for (const waits of [true, false]) {
      const closed = new Inbox();
      const client = resumable(websocketClient(server, { on: { closed: (event) => closed.push(event.code) } }));
      const results = client.iterate({ query: POINTS, variables: { metric: unique('m') } });
      await results.next();
      const waiting = waits && results.next();
      await results.return();
      if (waiting) assert.equal((await waiting).done, true);
      assert.equal(await closed.next('the close'), 1000);
    }
  });

  test('all: when the server is killed and comes back', () =>
    survivesRestart(server, clients, (ending) => ending.kill()));

  test('all: when the server sends its clients away and comes back', () =>
    survivesRestart(server, clients, (ending) => ending.terminate()));

  test('all: or is told that it cannot, and where it can go on', () => noticesGaps(clients));
});
