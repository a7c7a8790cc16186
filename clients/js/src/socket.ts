/** One WebSocket for all subscriptions, which comes back by itself. */
import { type Client, createClient } from 'graphql-ws';
import type { Authorization } from '../resume/authorization.js';
import { asError } from './errors.js';
import type { Settable } from './store.js';

/** `idle`: nothing is subscribed to. */
export type Connection = 'idle' | 'connecting' | 'live' | 'reconnecting';

const LONGEST_WAIT_MS = 5_000;
const PING_MS = 10_000;
/** A connection that is gone without a word is noticed this long after a ping. */
const PONG_MS = 5_000;
const NORMAL = 1000;

export const backoff = (attempts: number) => Math.min(LONGEST_WAIT_MS, 250 * 2 ** attempts) * (0.5 + Math.random() / 2);

export function openSocket(
  url: URL,
  webSocketImpl: unknown,
  auth: Authorization | undefined,
  connection: Settable<Connection>,
): Client {
  let wasLive = false;
  let silence: ReturnType<typeof setTimeout> | undefined;
  const client = createClient({
    url: url.href,
    webSocketImpl,
    ...(auth && { connectionParams: auth.connectionParams }),
    keepAlive: PING_MS,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: (problem) => !auth?.isRefusal(problem),
    retryWait: (retries) => new Promise((resolve) => setTimeout(resolve, backoff(retries))),
    on: {
      connecting: () => connection.set(wasLive ? 'reconnecting' : 'connecting'),
      connected(socket, payload) {
        wasLive = true;
        connection.set('live');
        auth?.on.connected(socket, payload);
      },
      ping(received) {
        if (!received) silence = setTimeout(() => client.terminate(), PONG_MS);
      },
      pong(received, payload) {
        if (received) clearTimeout(silence);
        auth?.on.pong(received, payload);
      },
      closed(event) {
        clearTimeout(silence);
        auth?.on.closed();
        const isLeft = (event as CloseEvent).code === NORMAL;
        wasLive &&= !isLeft;
        connection.set(isLeft ? 'idle' : wasLive ? 'reconnecting' : 'connecting');
      },
    },
  });
  return client;
}

/** Which ends a subscription comes back from: all that pass, and refused credentials as often as `auth` says. */
export function persistence(auth: Authorization | undefined): Pick<Authorization, 'isRefusal' | 'wait'> {
  let isRefused = false;
  return {
    isRefusal(problem) {
      isRefused = auth?.isRefusal(problem) ?? false;
      return isRefused || isPassing(problem);
    },
    wait: (attempts) => (isRefused ? auth?.wait(attempts) : backoff(attempts)),
  };
}

/** Of errors, or of a message that has nothing else. */
function isPassing(problem: unknown): boolean {
  const { data, errors = problem } = (problem ?? {}) as { data?: unknown; errors?: unknown };
  return !data && Array.isArray(errors) && asError(errors).passes;
}
