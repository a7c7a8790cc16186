// What every client that resumes has to do, however it is built; see `resuming` in clients.js.

import assert from 'node:assert/strict';

import { Cut } from './cut.js';
import { Inbox } from './inbox.js';
import { sees } from './points.js';
import { Server } from './server.js';
import { unique } from './wait.js';

/** A client that has subscribed; what it sees is checked against the values that were published. */
class Subscriber {
  #inbox = new Inbox();
  #name;

  constructor([name, subscribe], to, variables, options) {
    this.#name = name;
    const sink = {
      next: (result) => this.#inbox.push(result),
      error: (error) => this.#inbox.push({ error }),
    };
    this.stop = subscribe(to, variables, sink, options).stop;
  }

  /** The first message, which comes when the subscription is open. */
  async opens() {
    await this.#next();
  }

  /** The values `from` to `to - 1` come next: each once, in order, and nothing else. */
  async sees(from, to) {
    await sees(() => this.#next(), from, to);
  }

  /** The subscription ends with an error of this code. */
  async isRefused(code) {
    for (;;) {
      const { errors, error } = await this.#inbox.next(`${this.#name}: the refusal`);
      const list = errors ?? error?.errors ?? [error].flat();
      if (list[0]) return assert.equal(list[0].extensions?.code, code, this.#name);
    }
  }

  async #next() {
    const result = await this.#inbox.next(`${this.#name}: a message`);
    if (result.error) throw new Error(`${this.#name}: the subscription failed`, { cause: result.error });
    return result;
  }
}

/** Cuts the connection again and again. */
export async function survivesCuts(server, client, { backfill } = {}) {
  const [cut, metric] = [await Cut.before(server), unique('m')];
  const subscriber = new Subscriber(client, cut, { metric, backfill });
  await subscriber.opens();
  for (let n = 0; n < 50; n += 10) {
    const before = cut.connections;
    await server.publish(metric, n, n + 5);
    // Every other time they have arrived when it breaks, else they may be on their way.
    if (n % 20) await subscriber.sees(n, n + 5);
    cut.cut();
    // Some come while nobody listens.
    await server.publish(metric, n + 5, n + 10);
    await subscriber.sees(n % 20 ? n + 5 : n, n + 10);
    assert.ok(cut.connections > before, 'it has connected again');
  }
  subscriber.stop();
  cut.close();
}

/** Ends the server and starts it again, beside a Kafka that stays and goes on to take points. */
export async function survivesRestart(kafka, clients, end) {
  const metric = unique('m');
  const server = await Server.start({ brokers: kafka.brokers, topic: kafka.topic });
  const subscribers = clients.map((client) => new Subscriber(client, server, { metric }));
  const allSee = (from, to) => Promise.all(subscribers.map((subscriber) => subscriber.sees(from, to)));
  try {
    await Promise.all(subscribers.map((subscriber) => subscriber.opens()));
    await kafka.publish(metric, 0, 10);
    await allSee(0, 10);
    await end(server);
    await kafka.publish(metric, 10, 20);
    await server.startAgain();
    await allSee(10, 20);
    await kafka.publish(metric, 20, 30);
    await allSee(20, 30);
  } finally {
    for (const subscriber of subscribers) subscriber.stop();
    await server.stop();
  }
}

/** A cursor that cannot be continued is told: those who can tell from where go on, others end. */
export async function noticesGaps(clients) {
  const metric = unique('m');
  // Its own Kafka ends with it: offsets begin anew, so that no old cursor can be continued.
  const server = await Server.start();
  const ending = clients.map((client) => new Subscriber(client, server, { metric }));
  const gaps = new Inbox();
  const onGap = (earliest) => {
    gaps.push(earliest);
    return earliest;
  };
  const crossing = clients.map((client) => new Subscriber(client, server, { metric }, { onGap }));
  const all = [...ending, ...crossing];
  try {
    await Promise.all(all.map((subscriber) => subscriber.opens()));
    await server.publish(metric, 0, 5);
    await Promise.all(all.map((subscriber) => subscriber.sees(0, 5)));
    await server.kill();
    await server.startAgain();
    await Promise.all(ending.map((subscriber) => subscriber.isRefused('RESUME_GAP')));
    for (let n = 0; n < crossing.length; n++) assert.equal(typeof (await gaps.next('a gap')), 'string');
    await server.publish(metric, 5, 10);
    await Promise.all(crossing.map((subscriber) => subscriber.sees(5, 10)));
  } finally {
    for (const subscriber of all) subscriber.stop();
    await server.stop();
  }
}
