// graphql-transport-ws message by message: the portable cases of graphql-ws's own server tests.
// 4403 has no case: there is no authentication yet that could refuse a connection.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { POINTS, values } from '../support/points.js';
import { Raw } from '../support/raw.js';
import { Server } from '../support/server.js';
import { unique } from '../support/wait.js';

const TYPENAME = '{ __typename }';

describe('graphql-transport-ws', { concurrency: true }, () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  const open = () => Raw.open(server.websocket);
  const ready = () => Raw.ready(server.websocket);
  const closes = async (raw, code, reason) => {
    assert.deepEqual(await raw.hear(), { closed: code, reason });
  };
  /** Subscribes to a metric and waits for the first, empty batch. */
  const listen = async (raw, id, metric) => {
    raw.subscribe(id, POINTS, { metric });
    assert.deepEqual(values((await raw.hearOf(id)).payload), []);
  };

  describe('the handshake', { concurrency: true }, () => {
    test('the sub-protocol is chosen among those offered', async () => {
      const raw = await Raw.open(server.websocket, ['something-else', 'graphql-transport-ws']);
      assert.equal(raw.protocol, 'graphql-transport-ws');
      raw.terminate();
    });

    test('an unknown sub-protocol is closed with 4406', async () => {
      // The library itself fails a handshake without a sub-protocol that it asked for.
      const raw = await Raw.open(server.websocket, []);
      await closes(raw, 4406, 'Subprotocol not acceptable');
    });
  });

  describe('connecting', { concurrency: true }, () => {
    test('an initialisation is acknowledged', async () => {
      const raw = await open();
      raw.say({ type: 'connection_init' });
      assert.deepEqual(await raw.hear(), { type: 'connection_ack' });
      raw.terminate();
    });

    test('an initialisation may carry a payload', async () => {
      const raw = await open();
      raw.say({ type: 'connection_init', payload: { token: 'none needed' } });
      assert.equal((await raw.hear()).type, 'connection_ack');
      raw.terminate();
    });

    test('silence after the handshake is closed with 4408', async () => {
      const raw = await open();
      await closes(raw, 4408, 'Connection initialisation timeout');
    });

    test('two initialisations at once are closed with 4429', async () => {
      const raw = await open();
      raw.say({ type: 'connection_init' });
      raw.say({ type: 'connection_init' });
      assert.equal((await raw.hear()).type, 'connection_ack');
      await closes(raw, 4429, 'Too many initialisation requests');
    });

    test('an initialisation after the acknowledgement is closed with 4429', async () => {
      const raw = await ready();
      raw.say({ type: 'connection_init' });
      await closes(raw, 4429, 'Too many initialisation requests');
    });

    test('an operation before the initialisation is closed with 4401', async () => {
      const raw = await open();
      raw.subscribe('1', TYPENAME);
      await closes(raw, 4401, 'Unauthorized');
    });
  });

  describe('invalid messages', { concurrency: true }, () => {
    const invalid = [
      ['text that is no JSON', 'hello'],
      ['JSON that is no object', '"hello"'],
      ['an array', '[]'],
      ['a message without a type', '{}'],
      ['an unknown type', '{"type":"nonsense"}'],
      ['a type of the older protocol', '{"type":"start","id":"1","payload":{"query":"{ __typename }"}}'],
      ['a type that only servers send', '{"type":"next","id":"1","payload":{}}'],
      ['an operation without an id', '{"type":"subscribe","payload":{"query":"{ __typename }"}}'],
      ['an operation with an empty id', '{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}'],
      ['an id that is no string', '{"type":"subscribe","id":1,"payload":{"query":"{ __typename }"}}'],
      ['an operation without a payload', '{"type":"subscribe","id":"1"}'],
      ['an operation without a query', '{"type":"subscribe","id":"1","payload":{}}'],
      ['a query that is no string', '{"type":"subscribe","id":"1","payload":{"query":7}}'],
      ['variables that are no object', '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":"x"}}'],
      ['an operation name that is no string', '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","operationName":7}}'],
      ['a completion without an id', '{"type":"complete"}'],
    ];
    for (const [what, text] of invalid) {
      test(`${what} is closed with 4400`, async () => {
        const raw = await ready();
        raw.write(text);
        const { closed, reason } = await raw.hear();
        assert.equal(closed, 4400);
        assert.notEqual(reason, '');
      });
    }

    test('an invalid message before the initialisation is closed with 4400 as well', async () => {
      const raw = await open();
      raw.write('hello');
      assert.equal((await raw.hear()).closed, 4400);
    });

    test('a binary message is closed with 1003', async () => {
      const raw = await ready();
      raw.write(Buffer.from('{"type":"ping"}'));
      assert.equal((await raw.hear()).closed, 1003);
    });
  });

  describe('ping and pong', { concurrency: true }, () => {
    test('a ping is answered before the initialisation', async () => {
      const raw = await open();
      raw.say({ type: 'ping' });
      assert.deepEqual(await raw.hear(), { type: 'pong' });
      raw.terminate();
    });

    test('a pong carries the payload of its ping', async () => {
      const raw = await ready();
      raw.say({ type: 'ping', payload: { and: ['back', 1, null] } });
      assert.deepEqual(await raw.hear(), { type: 'pong', payload: { and: ['back', 1, null] } });
      raw.terminate();
    });

    test('a pong that nobody asked for is not answered', async () => {
      const raw = await ready();
      raw.say({ type: 'pong' });
      raw.say({ type: 'pong', payload: { un: 'asked' } });
      assert.deepEqual(await raw.untilPong(), []);
      raw.terminate();
    });
  });

  describe('operations', { concurrency: true }, () => {
    test('a query brings its result and completes', async () => {
      const raw = await ready();
      raw.subscribe('1', TYPENAME);
      assert.deepEqual(await raw.hear(), { id: '1', type: 'next', payload: { data: { __typename: 'Query' } } });
      assert.deepEqual(await raw.hear(), { id: '1', type: 'complete' });
      raw.terminate();
    });

    test('the named operation of a document is the one that runs', async () => {
      const raw = await ready();
      const query = 'query A { a: __typename } query B { b: __typename }';
      raw.say({ id: '1', type: 'subscribe', payload: { query, operationName: 'B', variables: null, extensions: null } });
      assert.deepEqual((await raw.hear()).payload, { data: { b: 'Query' } });
      raw.terminate();
    });

    test('a mutation runs as well', async () => {
      const raw = await ready();
      const query = 'mutation ($ids: [ID!]!) { redriveDeadLetters(ids: $ids) { sent skipped { code } } }';
      raw.subscribe('1', query, { ids: ['9223372036854775807'] });
      const { payload } = await raw.hear();
      assert.deepEqual(payload.data.redriveDeadLetters, { sent: [], skipped: [{ code: 'NOT_FOUND' }] });
      assert.deepEqual(await raw.hear(), { id: '1', type: 'complete' });
      raw.terminate();
    });

    const refused = [
      ['a document that does not parse', '{', {}],
      ['a field that does not exist', '{ nothing }', {}],
      ['a subscription field that does not exist', 'subscription { nothing }', {}],
      ['a variable of the wrong type', POINTS, { metric: 7 }],
      ['a variable that is missing', POINTS, {}],
      ['an argument that the subscription refuses', POINTS, { metric: 'm', after: 'not a cursor' }],
    ];
    for (const [what, query, variables] of refused) {
      test(`${what} is an error, and nothing follows it`, async () => {
        const raw = await ready();
        raw.subscribe('1', query, variables);
        const message = await raw.hear();
        assert.deepEqual([message.type, message.id], ['error', '1']);
        assert.ok(message.payload.length > 0);
        for (const error of message.payload) assert.equal(typeof error.message, 'string');
        assert.deepEqual(await raw.untilPong(), []);
        // The id is free again and the connection goes on.
        raw.subscribe('1', TYPENAME);
        assert.equal((await raw.hear()).type, 'next');
        raw.terminate();
      });
    }

    test('a subscription brings what is published', async () => {
      const [raw, metric] = [await ready(), unique('m')];
      await listen(raw, '1', metric);
      await server.publish(metric, 0, 1);
      const { type, payload } = await raw.hearOf('1');
      assert.deepEqual([type, values(payload)], ['next', [0]]);
      raw.terminate();
    });

    test('a completed subscription is silent, and its completion is not echoed', async () => {
      const [raw, metric] = [await ready(), unique('m')];
      await listen(raw, 'ended', metric);
      await listen(raw, 'goes on', metric);
      raw.say({ id: 'ended', type: 'complete' });
      assert.deepEqual(await raw.untilPong(), []);
      await server.publish(metric, 0, 3);
      for (let seen = 0; seen < 3; ) {
        const { id, payload } = await raw.hear();
        assert.equal(id, 'goes on');
        seen += values(payload).length;
      }
      assert.deepEqual(await raw.untilPong(), []);
      raw.terminate();
    });

    test('an operation may be completed before its result is there', async () => {
      const raw = await ready();
      raw.subscribe('1', '{ metrics { name } }');
      raw.say({ id: '1', type: 'complete' });
      // What was already on its way may come; after the answer to the ping nothing can.
      await raw.untilPong();
      raw.subscribe('2', TYPENAME);
      assert.equal((await raw.hear()).id, '2');
      raw.terminate();
    });

    test('completing what does not run is no mistake', async () => {
      const raw = await ready();
      raw.say({ id: 'unknown', type: 'complete' });
      assert.deepEqual(await raw.untilPong(), []);
      raw.terminate();
    });

    test('an id in use is closed with 4409', async () => {
      const [raw, metric] = [await ready(), unique('m')];
      await listen(raw, 'twice', metric);
      raw.subscribe('twice', TYPENAME);
      await closes(raw, 4409, 'Subscriber for twice already exists');
    });

    test('an id whose operation has only just been sent is in use', async () => {
      const [raw, metric] = [await ready(), unique('m')];
      raw.subscribe('twice', POINTS, { metric });
      raw.subscribe('twice', TYPENAME);
      const { closed, reason } = await hearEnd(raw);
      assert.deepEqual([closed, reason], [4409, 'Subscriber for twice already exists']);
    });

    test('an id is free again once its operation has ended', async () => {
      const [raw, metric] = [await ready(), unique('m')];
      for (let n = 0; n < 3; n++) {
        await listen(raw, '1', metric);
        raw.say({ id: '1', type: 'complete' });
      }
      raw.subscribe('1', TYPENAME);
      assert.equal((await raw.hear()).payload.data.__typename, 'Query');
      raw.terminate();
    });

    test('operations of one connection do not wait for each other', async () => {
      const [raw, metric] = [await ready(), unique('m')];
      await listen(raw, 'live', metric);
      raw.subscribe('query', TYPENAME);
      assert.equal((await raw.hear()).id, 'query');
      assert.deepEqual(await raw.hear(), { id: 'query', type: 'complete' });
      raw.terminate();
    });
  });

  describe('the end', { concurrency: true }, () => {
    test("the client's close is answered with its own code", async () => {
      const raw = await ready();
      raw.close(4321, 'Byebye');
      assert.equal((await raw.hear()).closed, 4321);
    });

    test('a closed connection leaves no subscription behind, nor does one that broke', async () => {
      const own = await Server.start();
      try {
        for (const end of [(raw) => raw.close(1000), (raw) => raw.terminate()]) {
          const raw = await Raw.ready(own.websocket);
          for (const id of ['1', '2']) {
            raw.subscribe(id, POINTS, { metric: 'm' });
            await raw.hearOf(id);
          }
          await own.subscribers(2);
          end(raw);
          await own.subscribers(0);
        }
      } finally {
        await own.stop();
      }
    });
  });
});

async function hearEnd(raw) {
  for (;;) {
    const message = await raw.hear();
    if ('closed' in message) return message;
  }
}
