// GraphQL over HTTP, judged by the audits of graphql-http.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { serverAudits } from 'graphql-http';

import { Server } from '../support/server.js';

describe('GraphQL over HTTP', () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  for (const { id, name, fn } of serverAudits({ url: () => server.graphql, fetchFn: fetch })) {
    test(`${id} ${name}`, async () => {
      const { status, reason } = await fn();
      assert.equal(status, 'ok', reason);
    });
  }
});
