// clients/js/resume/authorization.js against a server that lets tokens expire and refuses them.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';

import { WebSocketServer } from 'ws';

import { authorization } from '../../../clients/js/resume/authorization.js';
import { resumable } from '../../../clients/js/resume/index.js';
import { legacyClient, sseClient, websocketClient } from '../support/clients.js';
import { Inbox } from '../support/inbox.js';
import { POINTS } from '../support/points.js';

const LIFE = 900;

/** Speaks as much of the protocols as these tests need. Tokens are numbers; each is good once. */
class Door {
  websocket = '';
  graphql = '';
  heard = new Inbox();
  /** Tokens that are refused. */
  bad = new Set();
  sockets = new Set();
  #server = createServer((request, response) => this.#stream(request, response));

  static async open() {
    const door = new Door();
    const sockets = new WebSocketServer({ server: door.#server, handleProtocols: ([first]) => first });
    sockets.on('connection', (socket) => {
      door.sockets.add(socket);
      socket.on('message', (text) => door.#message(socket, JSON.parse(String(text))));
    });
    await new Promise((resolve) => door.#server.listen(0, '127.0.0.1', () => resolve(undefined)));
    const { port } = /** @type {import('node:net').AddressInfo} */ (door.#server.address());
    door.websocket = `ws://127.0.0.1:${port}/`;
    door.graphql = `http://127.0.0.1:${port}/`;
    return door;
  }

  #message(socket, { type, id, payload }) {
    const say = (message) => socket.send(JSON.stringify(message));
    const expires = new Date(Date.now() + LIFE).toISOString();
    const isBad = this.bad.has(payload?.token);
    if (type !== 'subscribe' && type !== 'start' && type !== 'complete') this.heard.push({ type, token: payload?.token });
    if (type === 'connection_init' && isBad) socket.close(4403, 'Forbidden');
    else if (type === 'connection_init') say({ type: 'connection_ack', payload: { expires } });
    else if (type === 'ping') say({ type: 'pong', payload: isBad ? { auth: 'refused' } : { auth: 'ok', expires } });
    else if (type === 'subscribe' || type === 'start') {
      this.heard.push({ after: payload.variables.after });
      const kind = type === 'subscribe' ? 'next' : 'data';
      say({ type: kind, id, payload: { data: { points: { cursor: `c${this.heard.count++}`, points: [] } } } });
    }
  }

  #stream(request, response) {
    const token = request.headers.authorization?.replace('Bearer ', '');
    this.heard.push({ token });
    if (this.bad.has(token)) return response.writeHead(401).end();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const event = (data) => response.write(`event: next\ndata: ${JSON.stringify(data)}\n\n`);
    event({ data: { points: { cursor: `of ${token}`, points: [] } } });
    setTimeout(() => {
      event({ errors: [{ message: 'expired', extensions: { code: 'UNAUTHENTICATED' } }] });
      response.end('event: complete\ndata:\n\n');
    }, 100);
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
    for (const socket of this.sockets) socket.terminate();
  }
}

describe('authorization', () => {
  let door;
  let tokens;
  const token = async () => `t${++tokens}`;
  const sink = () => {
    const inbox = new Inbox();
    return {
      inbox,
      next: ({ data }) => inbox.push(data.points.cursor),
      error: (error) => inbox.push({ error }),
      complete: () => inbox.push('complete'),
    };
  };
  before(async () => (door = await Door.open()));
  after(() => door.close());

  const start = () => {
    tokens = 0;
    door.heard = new Inbox();
    door.heard.count = 0;
    door.bad = new Set();
  };

  test('graphql-ws: brings the next token in a ping before the last one expires, and again after a refusal', async () => {
    start();
    const auth = authorization(token);
    const { connectionParams, on } = auth;
    const client = websocketClient(door, { connectionParams, on, lazy: false });
    assert.deepEqual(await door.heard.next(), { type: 'connection_init', token: 't1' });
    door.bad.add('t3');
    const at = Date.now();
    for (const token of ['t2', 't3', 't4', 't5']) {
      assert.deepEqual(await door.heard.next(token), { type: 'ping', token });
      if (token === 't2') assert.ok(Date.now() - at < LIFE, 'before it expires');
    }
    await client.dispose();
  });

  test('graphql-ws: comes back from its cursor after 4401', async () => {
    start();
    const auth = authorization(token);
    const { connectionParams, on } = auth;
    const client = resumable(websocketClient(door, { connectionParams, on }), { authorization: auth });
    const heard = sink();
    client.subscribe({ query: POINTS, variables: { metric: 'm' } }, heard);
    assert.equal(await heard.inbox.next(), 'c0');
    for (const socket of door.sockets) socket.close(4401, 'The credential has expired');
    assert.equal(await heard.inbox.next(), 'c1');
    assert.deepEqual(await door.heard.next(), { type: 'connection_init', token: 't1' });
    assert.deepEqual(await door.heard.next(), { after: undefined });
    assert.deepEqual(await door.heard.next(), { type: 'connection_init', token: 't2' });
    assert.deepEqual(await door.heard.next(), { after: 'c0' });
    await client.dispose();
  });

  test('graphql-sse: comes back with a new token when its stream ends with UNAUTHENTICATED', async () => {
    start();
    const auth = authorization(token);
    const client = resumable(sseClient(door, { headers: auth.headers }), { authorization: auth });
    const heard = sink();
    const stop = client.subscribe({ query: POINTS, variables: { metric: 'm' } }, heard);
    assert.equal(await heard.inbox.next(), 'of t1');
    assert.equal(await heard.inbox.next(), 'of t2');
    stop();
    client.dispose();
  });

  test('subscriptions-transport-ws: brings the next token in another connection_init', async () => {
    start();
    const auth = authorization(token);
    const client = auth.legacy(legacyClient(door, { connectionParams: auth.connectionParams }));
    for (const token of ['t1', 't2', 't3']) {
      assert.deepEqual(await door.heard.next(token), { type: 'connection_init', token });
    }
    client.close();
  });
});
