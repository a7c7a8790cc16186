// What every client that resumes has to do, however it is built.

import assert from 'node:assert/strict';

import { Cut } from './cut.js';
import { Inbox } from './inbox.js';
import { sees } from './points.js';
import { Server } from './server.js';
import { unique } from './wait.js';

/**
 * @callback Subscribe opens a subscription to points with the helper
 * @param {Cut} to where the client connects
 * @param {object} variables
 * @param {{ next(result: any): void, error(error: any): void }} sink gets `{ data, errors }`
 * @param {object} [options] of the helper
 * @returns {{ stop(): void }} ends the subscription and its client
 */

/** Cuts the connection again and again: every point comes once, in order. */
export async function survivesCuts(server, subscribe, { backfill } = {}) {
  const [cut, metric, inbox] = [await Cut.before(server), unique('m'), inboxOf()];
  const { stop } = subscribe(cut, { metric, backfill }, inbox.sink);
  await inbox.next();
  for (let n = 0; n < 5; n++) {
    await server.publish(metric, n * 10, n * 10 + 5);
    if (n % 2) await sees(inbox.next, n * 10, n * 10 + 5);
    const before = cut.connections;
    cut.cut();
    // Some come while nobody listens.
    await server.publish(metric, n * 10 + 5, n * 10 + 10);
    await sees(inbox.next, n * 10 + (n % 2 ? 5 : 0), n * 10 + 10);
    assert.ok(cut.connections > before, 'it has connected again');
  }
  stop();
  cut.close();
}

/** Ends the server and starts it again: what came meanwhile comes too, and nothing twice. */
export async function survivesRestart(kafka, subscribe, end) {
  const [metric, inbox] = [unique('m'), inboxOf()];
  const server = await Server.start({ brokers: kafka.brokers, topic: kafka.topic });
  const { stop } = subscribe(server, { metric }, inbox.sink);
  try {
    await inbox.next();
    await kafka.publish(metric, 0, 10);
    await sees(inbox.next, 0, 10);
    await end(server);
    await kafka.publish(metric, 10, 20);
    await server.startAgain();
    await sees(inbox.next, 10, 20);
    await kafka.publish(metric, 20, 30);
    await sees(inbox.next, 20, 30);
  } finally {
    stop();
    await server.stop();
  }
}

/** A cursor that cannot be continued is said; the client goes on where it was told to. */
export async function crossesGap(subscribe) {
  const [metric, inbox] = [unique('m'), inboxOf()];
  // Its Kafka goes with it: offsets begin anew, so that no old cursor can be continued.
  const server = await Server.start();
  const gaps = new Inbox();
  const onGap = (earliest) => {
    gaps.push(earliest);
    return earliest;
  };
  const { stop } = subscribe(server, { metric }, inbox.sink, { onGap });
  try {
    await inbox.next();
    await server.publish(metric, 0, 5);
    await sees(inbox.next, 0, 5);
    await server.kill();
    await server.startAgain();
    assert.equal(typeof (await gaps.next('the gap')), 'string');
    await server.publish(metric, 5, 10);
    await sees(inbox.next, 5, 10);
  } finally {
    stop();
    await server.stop();
  }
}

/** Without anyone to ask, a gap ends the subscription with its error. */
export async function endsAtGap(subscribe) {
  const [metric, inbox] = [unique('m'), inboxOf()];
  const server = await Server.start();
  const { stop } = subscribe(server, { metric }, inbox.sink);
  try {
    await inbox.next();
    await server.publish(metric, 0, 5);
    await sees(inbox.next, 0, 5);
    await server.kill();
    await server.startAgain();
    assert.equal(await inbox.refused(), 'RESUME_GAP');
  } finally {
    stop();
    await server.stop();
  }
}

function inboxOf() {
  const inbox = new Inbox();
  const codeOf = ({ errors, error }) => {
    const list = errors ?? error?.errors ?? error;
    return list?.[0]?.extensions?.code;
  };
  return {
    sink: { next: (result) => inbox.push(result), error: (error) => inbox.push({ error }) },
    next: async () => {
      const result = await inbox.next();
      if (result.error) throw new Error('the subscription failed', { cause: result.error });
      return result;
    },
    refused: async () => {
      for (;;) {
        const code = codeOf(await inbox.next('the refusal'));
        if (code) return code;
      }
    },
  };
}
