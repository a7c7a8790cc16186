// GraphQL over Server-Sent Events, distinct connections mode: the portable cases of graphql-sse's
// own handler tests, its client, and EventSource, which resumes by itself.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { EventSource } from 'eventsource';

import { sseClient } from '../support/clients.js';
import { POINTS, sees, values } from '../support/points.js';
import { survivesCuts } from '../support/resuming.js';
import { Server } from '../support/server.js';
import { events, request } from '../support/sse.js';
import { unique } from '../support/wait.js';

const TYPENAME = { query: '{ __typename }' };

describe('GraphQL over SSE', { concurrency: true }, () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  const all = async (response) => {
    const seen = [];
    for await (const event of events(response)) seen.push(event);
    return seen;
  };

  describe('the stream', { concurrency: true }, () => {
    for (const method of ['POST', 'GET']) {
      test(`a query by ${method} is streamed, completed and hung up on`, async () => {
        const response = await request(server.graphql, method, TYPENAME);
        assert.equal(response.status, 200);
        assert.match(response.headers.get('content-type'), /^text\/event-stream/);
        assert.match(response.headers.get('cache-control'), /no-cache|no-store/);
        const [next, complete, ...rest] = await all(response);
        assert.deepEqual([next.event, JSON.parse(next.data)], ['next', { data: { __typename: 'Query' } }]);
        // Without a data line, EventSource would not tell of it.
        assert.deepEqual([complete.event, complete.data], ['complete', '']);
        assert.deepEqual(rest, []);
      });

      test(`a subscription by ${method} brings what is published`, async () => {
        const metric = unique('m');
        const response = await request(server.graphql, method, { query: POINTS, variables: { metric } });
        const stream = events(response);
        const next = async () => JSON.parse((await stream.next()).value.data);
        assert.deepEqual(values(await next()), []);
        await server.publish(metric, 0, 20);
        await sees(next, 0, 20);
        await stream.return();
      });
    }

    test('a mutation runs by POST', async () => {
      const query = 'mutation { redriveDeadLetters(ids: ["9223372036854775807"]) { skipped { code } } }';
      const [next] = await all(await request(server.graphql, 'POST', { query }));
      assert.deepEqual(JSON.parse(next.data).data.redriveDeadLetters.skipped, [{ code: 'NOT_FOUND' }]);
    });

    test('a mutation does not run by GET', async () => {
      const response = await request(server.graphql, 'GET', { query: 'mutation { redriveDeadLetters(ids: ["1"]) { sent } }' });
      assert.equal(response.status, 405);
      assert.match(response.headers.get('allow'), /POST/);
    });

    const refused = [
      ['a document that does not parse', { query: '{' }],
      ['a field that does not exist', { query: '{ nothing }' }],
      ['a subscription field that does not exist', { query: 'subscription { nothing }' }],
      ['a variable that is missing', { query: POINTS }],
      ['an argument that the subscription refuses', { query: POINTS, variables: { metric: 'm', after: 'x' } }],
    ];
    for (const [what, params] of refused) {
      test(`${what} is reported in the stream`, async () => {
        const response = await request(server.graphql, 'POST', params);
        assert.equal(response.status, 200);
        const [next, complete, ...rest] = await all(response);
        assert.equal(next.event, 'next');
        const { data, errors } = JSON.parse(next.data);
        assert.ok(data === undefined || data === null);
        assert.equal(typeof errors[0].extensions.code, 'string');
        assert.equal(complete.event, 'complete');
        assert.deepEqual(rest, []);
      });
    }

    test('a client that leaves ends its subscription', async () => {
      const own = await Server.start();
      try {
        const leaving = new AbortController();
        const response = await request(own.graphql, 'POST', { query: POINTS, variables: { metric: 'm' } }, leaving.signal);
        await own.subscribers(1);
        leaving.abort();
        await assert.rejects(all(response));
        await own.subscribers(0);
      } finally {
        await own.stop();
      }
    });
  });

  describe('what is no request', { concurrency: true }, () => {
    test('accepting something else altogether is 406', async () => {
      const response = await fetch(server.graphql, { headers: { accept: 'gibberish' } });
      assert.equal(response.status, 406);
    });

    for (const accept of ['text/event-stream', 'application/json', 'application/graphql-response+json']) {
      test(`a GET without a query that accepts ${accept} is 400`, async () => {
        assert.equal((await fetch(server.graphql, { headers: { accept } })).status, 400);
      });
    }

    test('a POST without a query is 400', async () => {
      assert.equal((await request(server.graphql, 'POST', {})).status, 400);
    });

    test('a POST that is no JSON is 400, one of another type 415', async () => {
      const post = (type) =>
        fetch(server.graphql, {
          method: 'POST',
          headers: { accept: 'text/event-stream', 'content-type': type },
          body: 'query',
        });
      assert.equal((await post('application/json')).status, 400);
      assert.equal((await post('text/plain')).status, 415);
    });
  });

  describe('graphql-sse', { concurrency: true }, () => {
    test('a query brings its result', async () => {
      const results = [];
      for await (const result of sseClient(server).iterate(TYPENAME)) results.push(result);
      assert.deepEqual(results, [{ data: { __typename: 'Query' } }]);
    });

    test('a subscription brings every point once and in order, until it is left', async () => {
      const metric = unique('m');
      const results = sseClient(server).iterate({ query: POINTS, variables: { metric } });
      const next = async () => (await results.next()).value;
      await next();
      await server.publish(metric, 0, 100);
      await sees(next, 0, 100);
      await results.return();
    });
  });

  describe('EventSource', { concurrency: true }, () => {
    test('it resumes by itself with Last-Event-ID, exactly', async () => {
      const subscribe = (to, { metric }, sink) => {
        const url = new URL(to.graphql);
        url.searchParams.set('query', POINTS);
        url.searchParams.set('variables', JSON.stringify({ metric }));
        const source = new EventSource(url);
        source.addEventListener('next', ({ data }) => sink.next(JSON.parse(data)));
        return { stop: () => source.close() };
      };
      await survivesCuts(server, ['EventSource', subscribe]);
    });

    test('the id of an event is its cursor', async () => {
      const metric = unique('m');
      const stream = events(await request(server.graphql, 'POST', { query: POINTS, variables: { metric } }));
      const { value } = await stream.next();
      assert.equal(value.id, JSON.parse(value.data).data.points.cursor);
      await stream.return();
    });

    test('Last-Event-ID continues behind its event and wins over the variables', async () => {
      const metric = unique('m');
      const open = async (headers, variables) => {
        const stream = events(await request(server.graphql, 'POST', { query: POINTS, variables }, undefined, headers));
        return { stream, next: async () => JSON.parse((await stream.next()).value.data) };
      };
      const first = await open({}, { metric });
      const begin = (await first.next()).data.points.cursor;
      await server.publish(metric, 0, 10);
      const cursor = await sees(first.next, 0, 10);
      await first.stream.return();
      await server.publish(metric, 10, 20);
      const again = await open({ 'last-event-id': cursor }, { metric, after: begin });
      await sees(again.next, 10, 20);
      await again.stream.return();
    });
  });
});
