// A client of graphql-transport-ws with nothing automatic about it.

import WebSocket from 'ws';

import { Inbox } from './inbox.js';
import { unique } from './wait.js';

export class Raw {
  #socket;
  #inbox = new Inbox();

  /** A bare connection: nothing has been said yet. */
  static async open(url, protocol = 'graphql-transport-ws') {
    const raw = new Raw();
    raw.#socket = new WebSocket(url, protocol);
    raw.#socket.on('message', (text) => raw.#inbox.push(JSON.parse(text)));
    raw.#socket.on('close', (code, reason) => raw.#inbox.push({ closed: code, reason: String(reason) }));
    await new Promise((resolve, reject) => raw.#socket.on('open', resolve).on('error', reject));
    return raw;
  }

  /** A connection that has been acknowledged. */
  static async ready(url) {
    const raw = await Raw.open(url);
    raw.say({ type: 'connection_init' });
    await raw.hear();
    return raw;
  }

  get protocol() {
    return this.#socket.protocol;
  }

  say(message) {
    this.write(JSON.stringify(message));
  }

  write(data) {
    this.#socket.send(data);
  }

  subscribe(id, query, variables) {
    this.say({ id, type: 'subscribe', payload: { query, variables } });
  }

  /** The next message, or `{ closed, reason }`. */
  hear() {
    return this.#inbox.next();
  }

  /** The next message of an operation. */
  async hearOf(id) {
    for (;;) {
      const message = await this.hear();
      if (message.id === id || 'closed' in message) return message;
    }
  }

  /** Everything that comes before the answer to a ping sent now. */
  async untilPong() {
    const payload = { mark: unique('ping') };
    this.say({ type: 'ping', payload });
    const heard = [];
    for (;;) {
      const message = await this.hear();
      if (message.type === 'pong' && message.payload?.mark === payload.mark) return heard;
      if ('closed' in message) throw new Error(`closed: ${message.closed} ${message.reason}`);
      heard.push(message);
    }
  }

  close(code, reason) {
    this.#socket.close(code, reason);
  }

  /** Cuts the connection without a word. */
  terminate() {
    this.#socket.terminate();
  }
}
