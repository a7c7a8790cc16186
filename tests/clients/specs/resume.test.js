// clients/js/resume: exact continuation after a broken connection, in every client.

import { after, before, describe, test } from 'node:test';

import { resuming } from '../support/clients.js';
import { crossesGap, endsAtGap, survivesCuts, survivesRestart } from '../support/resuming.js';
import { Server } from '../support/server.js';

// Those that differ in how they reconnect and how they are told of errors.
const representatives = ['graphql-ws', 'graphql-sse', 'Apollo over WebSocket', 'Apollo over multipart'];

describe('resuming', { concurrency: 3 }, () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  for (const [name, subscribe] of Object.entries(resuming)) {
    test(`${name}: cuts lose no point and repeat none`, () => survivesCuts(server, subscribe));
    test(`${name}: nor do they after stored points`, () => survivesCuts(server, subscribe, { backfill: '2h' }));
    if (!representatives.includes(name)) continue;
    test(`${name}: nor does a killed server that comes back`, () =>
      survivesRestart(server, subscribe, (ending) => ending.kill()));
    test(`${name}: nor one that sends its clients away and comes back`, () =>
      survivesRestart(server, subscribe, (ending) => ending.terminate()));
    test(`${name}: a gap is told, and then crossed`, () => crossesGap(subscribe));
    test(`${name}: a gap that nobody crosses is an error`, () => endsAtGap(subscribe));
  }
});
