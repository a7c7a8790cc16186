// clients/js as its users have it. That it resumes exactly is in resume.test.js, with the other clients.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { StreamSyncProvider, useConnection, useLatest, useSeries } from '@streamsync/client/react';
import { createElement, StrictMode } from 'react';

import { streamsyncClient } from '../support/clients.js';
import { Cut } from '../support/cut.js';
import { Issuer } from '../support/issuer.js';
import { mount } from '../support/page.js';
import { range } from '../support/points.js';
import { Server } from '../support/server.js';
import { eventually, unique } from '../support/wait.js';

const HOUR_MS = 3_600_000;

describe('@streamsync/client', () => {
  const issuer = new Issuer();
  let server;
  before(async () => {
    const roles = '[auth]\nanonymous = "everyone"\ngrace = "3s"\n[auth.roles.everyone]\noperations = ["admin"]\n';
    server = await Server.start({ settings: roles + issuer.settings('everyone') });
  });
  after(async () => {
    await server?.stop();
    issuer.discard();
  });

  const valuesOf = (points) => points?.map(({ value }) => value);

  /** Values of the next batches, until there are as many. */
  async function take(batches, count) {
    const values = [];
    while (values.length < count) values.push(...valuesOf((await batches.next()).value.points));
    return values;
  }

  test('history, newest points and names are answered with their types', async () => {
    const client = streamsyncClient(server);
    const metric = unique('m');
    await server.publish(metric, 0, 10);
    await server.stored(metric, 10);
    const from = new Date(Date.now() - HOUR_MS).toISOString();
    const [{ series, points }] = await client.history({ selector: { metric }, from, step: '1h', aggregate: ['MIN', 'COUNT'], percentiles: [50] });
    assert.deepEqual(series, { key: `${metric}{}`, metric, labels: [] });
    assert.deepEqual(points.map(({ ts, ...rest }) => rest), [{ value: 0, min: 0, count: 10, percentiles: [4.5] }]);
    assert.deepEqual(valuesOf(await client.latest({ metric })), [9]);
    assert.deepEqual(await client.metrics({ search: metric }), [{ name: metric, series: 1 }]);
    await assert.rejects(client.history({ selector: { metric }, from: 'yesterday' }), { name: 'StreamSyncError', code: 'BAD_USER_INPUT' });
  });

  test('live points end when the loop is left, or its signal aborts, also while it waits', async () => {
    const client = streamsyncClient(server);
    const selector = { metric: unique('m') };
    for await (const { points } of client.points({ selector })) {
      assert.deepEqual(points, []);
      break;
    }
    const leaving = new AbortController();
    const batches = client.points({ selector }, { signal: leaving.signal });
    await batches.next();
    const waiting = batches.next();
    leaving.abort();
    assert.deepEqual(await waiting, { done: true, value: undefined });
    await server.subscribers(0);
    await eventually('the connection is closed', () => client.connection.get() === 'idle');
    await assert.rejects(client.points({ selector: { labels: [{ name: 'a', op: 'MATCHES', value: '(' }] } }).next(), { code: 'BAD_USER_INPUT' });
  });

  test('a token is renewed over the open connection before it expires', async () => {
    const cut = await Cut.before(server);
    let asked = 0;
    const client = streamsyncClient(cut, { token: async () => issuer.token(++asked && 4) });
    const metric = unique('m');
    const batches = client.points({ selector: { metric } });
    await batches.next();
    for (const n of [0, 1]) {
      await eventually(`token ${n + 2} is asked for`, () => asked > n + 1);
      await server.publish(metric, n, n + 1);
      assert.deepEqual(await take(batches, 1), [n]);
    }
    assert.equal(cut.connections, 1);
    client.dispose();
    cut.close();
  });

  /** Points before, while and after the server closes the connection because of a credential: none is missed. */
  async function goesOn(credential, end = async () => {}) {
    const cut = await Cut.before(server);
    const client = streamsyncClient(cut, { token: () => credential(cut.connections) });
    const metric = unique('m');
    const batches = client.points({ selector: { metric } });
    await batches.next();
    await server.publish(metric, 0, 5);
    await end();
    await server.publish(metric, 5, 10);
    await eventually('it connects again', () => cut.connections > 1);
    await server.publish(metric, 10, 15);
    assert.deepEqual(await take(batches, 15), range(0, 15));
    client.dispose();
    cut.close();
  }

  test('after a token has expired it goes on with the next one, without a gap', async () => {
    const first = issuer.token(1);
    await goesOn((connections) => (connections > 1 ? issuer.token(60) : first));
  });

  test('after a key has got another secret it goes on with that, without a gap', async () => {
    const create = 'mutation ($name: String!) { createApiKey(name: $name, role: "everyone") { secret key { id } } }';
    const rotate = 'mutation ($id: ID!) { rotateApiKey(id: $id) { secret } }';
    let { secret, key } = (await server.query(create, { name: unique('key') })).createApiKey;
    await goesOn(() => secret, async () => ({ secret } = (await server.query(rotate, key)).rotateApiKey));
  });

  test('a credential that nobody knows is an error of its question', async () => {
    const client = streamsyncClient(server, { token: () => 'ss_nobody_knows' });
    await assert.rejects(client.metrics(), { code: 'UNAUTHENTICATED' });
  });

  /** Renders what a hook gives, as in development: everything is begun twice there. */
  const show = (client, use) =>
    mount(use, (element) => createElement(StrictMode, null, createElement(StreamSyncProvider, { client }, element)));

  test('useSeries: stored points, then live ones, over a broken connection, and corrections', async () => {
    const cut = await Cut.before(server);
    const client = streamsyncClient(cut);
    const metric = unique('m');
    const use = () => useSeries({ selector: { metric }, last: '2h' });
    const page = show(client, use);
    const shows = (from, to) => eventually(`${from} to ${to - 1} are shown`, () => assert.deepEqual(valuesOf(page.state().series[0]?.points), range(from, to)) ?? true);
    try {
      await eventually('it is rendered', () => page.state());
      assert.deepEqual(page.state(), { loading: true, series: [] });
      await eventually('it is known that there are none', () => !page.state().loading);
      await server.publish(metric, 0, 5);
      await shows(0, 5);
      // Equal options are the same subscription.
      page.render(() => use());
      cut.cut();
      await server.publish(metric, 5, 10);
      await shows(0, 10);
      const { ts } = page.state().series[0].points[3];
      await server.query('mutation ($points: [PointInput!]!) { publish(stream: "points", points: $points) { accepted } }', { points: [{ metric, ts, value: 99 }] });
      await eventually('the correction is shown', () => page.state().series[0].points[3].value === 99);
      assert.equal(page.state().series[0].points.length, 10);
      await server.subscribers(1);
    } finally {
      page.unmount();
      cut.close();
    }
    await server.subscribers(0);
  });

  test('useLatest: the newest point of each series, stored or live', async () => {
    const client = streamsyncClient(server);
    const metric = unique('m');
    await server.publish(metric, 0, 5);
    await server.stored(metric, 5);
    const page = show(client, () => ({ ...useLatest({ selector: { metric } }), connection: useConnection() }));
    try {
      await eventually('the stored one is shown', () => page.state()?.points[0]?.value === 4);
      assert.equal(page.state().connection, 'live');
      await server.publish(metric, 8, 9);
      await eventually('the live one is shown', () => page.state().points[0].value === 8);
      await server.publish(metric, 6, 8);
      await server.publish(metric, 9, 10);
      await eventually('late ones are not', () => page.state().points[0].value === 9);
      assert.equal(page.state().points.length, 1);
    } finally {
      page.unmount();
    }
  });

  test('a hook whose question is refused says why', async () => {
    const client = streamsyncClient(server);
    const selector = { labels: [{ name: 'a', op: 'MATCHES', value: '(' }] };
    for (const use of [() => useSeries({ selector, last: '1m' }), () => useLatest({ selector })]) {
      const page = show(client, use);
      await eventually('the error is shown', () => page.state()?.error?.code === 'BAD_USER_INPUT');
      assert.equal(page.state().loading, false);
      page.unmount();
    }
  });
});
