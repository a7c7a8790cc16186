// Every piece of JavaScript in the documentation does what it says, copied out of its page. TypeScript is in package.test.js.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { RetryLink } from '@apollo/client/link/retry';
import { Client as Urql, fetchExchange, subscriptionExchange } from '@urql/core';
import WebSocket from 'ws';

import { authorization } from '../../../clients/js/resume/authorization.js';
import { resumable, resumeLink } from '../../../clients/js/resume/index.js';
import { legacyClient, websocketClient } from '../support/clients.js';
import { adapted, snippets } from '../support/documented.js';
import { Inbox } from '../support/inbox.js';
import { POINTS } from '../support/points.js';
import { Server } from '../support/server.js';

const metric = 'machines_temperature';
const variables = { metric };
const FOUND = new Error('it has been seen');

/** What a snippet is known by, and how it is run: its text, the server, and what takes the points. */
const KNOWN = [
  [/from 'graphql-ws'/, module],
  [/authorization\(async/, authorized],
  [/^subscriptionExchange\(/, urql],
  [/^ApolloLink\.from\(/, apollo],
  [/client\.request\(payload\)/, legacy],
  [/new WebSocket\('ws:.*\/ws'\)/, plain],
];

describe('the documentation', () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  for (const { page, line, text } of snippets('js')) {
    test(`${page}:${line}`, async () => {
      const run = KNOWN.find(([known]) => known.test(text))?.[1];
      assert.ok(run, `nobody knows how to run:\n${text}`);
      const seen = new Inbox();
      const end = await run(adapted(text, server), server, (value) => seen.push(value));
      // What is published before it listens it does not see.
      const again = setInterval(() => server.publish(metric, 7, 8).catch(() => {}), 200);
      try {
        assert.equal(await seen.next('a point'), 7);
      } finally {
        clearInterval(again);
        await end?.();
      }
    });
  }
});

/** A function of the names that the page leaves to its reader. */
const compiled = (text, names) => new Function(...Object.keys(names), text)(...Object.values(names));

/** A file beside the packages that it imports. */
async function module(text, server, see) {
  const file = fileURLToPath(new URL(`../documented-${process.pid}.mjs`, import.meta.url));
  let done = false;
  const draw = (points) => {
    if (done) throw FOUND;
    for (const { value } of points) see(value);
  };
  globalThis.documented = { query: POINTS, variables, draw };
  writeFileSync(file, `const { query, variables, draw } = globalThis.documented;\n${text}`);
  const ended = import(pathToFileURL(file)).catch((error) => assert.equal(error, FOUND));
  return async () => {
    done = true;
    await Promise.all([ended, server.publish(metric, 8, 9)]);
    rmSync(file);
  };
}

function urql(text, server, see) {
  const socket = resumable(websocketClient(server));
  const exchange = compiled(`return ${text}`, { subscriptionExchange, client: socket });
  const client = new Urql({ url: server.graphql, preferGetMethod: false, exchanges: [exchange, fetchExchange] });
  const { unsubscribe } = client.subscription(POINTS, variables).subscribe(({ data }) => data?.points.points.forEach(({ value }) => see(value)));
  return () => (unsubscribe(), socket.dispose());
}

function authorized(text, server, see) {
  const fetch = async () => ({ text: async () => 'a token' });
  const createClient = (options) => websocketClient(server, options);
  const names = { authorization, resumable, createClient, fetch, url: server.websocket };
  const client = compiled(`${text}\nreturn client;`, names);
  const next = ({ data }) => data.points.points.forEach(({ value }) => see(value));
  client.subscribe({ query: POINTS, variables }, { next, error: see, complete() {} });
  return () => client.dispose();
}

function apollo(text, server, see) {
  const link = compiled(`return ${text}`, { ApolloLink, HttpLink, RetryLink, resumeLink });
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const results = client.subscribe({ query: gql(POINTS), variables, fetchPolicy: 'no-cache' });
  const subscription = results.subscribe(({ data }) => data.points.points.forEach(({ value }) => see(value)));
  return () => (subscription.unsubscribe(), client.stop());
}

function legacy(text, server, see) {
  globalThis.WebSocket ??= WebSocket;
  const client = legacyClient(server);
  const sink = { next: ({ data }) => data.points.points.forEach(({ value }) => see(value)), error: (error) => see(error), complete() {} };
  compiled(text, { client, resumable, query: POINTS, variables, sink });
  return () => client.close();
}

function plain(text, server, see) {
  const shown = { log: (_series, _ts, value) => see(value) };
  // It selects a site, and sees what has one.
  const anywhere = text.replace(/, labels: \{[^}]*\}/, '');
  const socket = compiled(`${anywhere}\nreturn socket;`, { WebSocket, console: shown });
  return () => socket.close();
}
