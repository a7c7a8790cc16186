/**
 * Keeps a client let in: it says who it is when it connects and again before that expires, and comes back
 * after a refusal.
 *
 * @module
 */

/** Codes with which the server closes when a credential is missing, expired or no longer valid. */
const CLOSES = [4401, 4403];
const ATTEMPTS = 6;
const WAIT_MIN = 250;
const WAIT_MAX = 30_000;
/** The longest that a timer can wait. */
const TIMER_MAX = 2 ** 31 - 1;

/**
 * @typedef {object} Authorization
 * @property {() => Promise<{ token: string }>} connectionParams for graphql-ws
 * @property {{
 *   connected(socket: unknown, payload?: unknown): void,
 *   pong(received: boolean, payload?: unknown): void,
 *   closed(): void,
 * }} on for graphql-ws
 * @property {() => Promise<{ authorization: string }>} headers for graphql-sse and requests
 * @property {<Client>(client: Client) => Client} legacy for subscriptions-transport-ws
 * @property {(error: unknown) => boolean} isRefusal
 * @property {(attempts: number) => number | undefined} wait how long before the next attempt, after so many;
 *   `undefined` once they are enough
 */

/**
 * What a client needs of it; and all of it as `authorization` of `resumable`, which then subscribes again after
 * a refusal.
 *
 * @param {() => string | Promise<string>} token gives a token or an API key, a new one where the last one
 *   is about to expire
 * @returns {Authorization}
 */
export function authorization(token) {
  let asked;
  // Asked once for all who need it at the same moment.
  const ask = () => (asked ??= Promise.resolve().then(token).finally(() => (asked = undefined)));
  const payload = async () => ({ token: await ask() });
  let keeper;
  return {
    connectionParams: payload,
    headers: async () => ({ authorization: `Bearer ${await ask()}` }),
    on: {
      connected(socket, { expires } = {}) {
        keeper?.stop();
        keeper = keep(payload, (payload) => socket.send(JSON.stringify({ type: 'ping', payload })));
        keeper.until(expires);
      },
      pong(received, { auth, expires } = {}) {
        if (received && auth === 'ok') keeper?.until(expires);
        if (received && auth === 'refused') keeper?.again();
      },
      closed: () => keeper?.stop(),
    },
    legacy(client) {
      const send = (payload) => client.client?.send(JSON.stringify({ type: 'connection_init', payload }));
      const keeper = keep(payload, send);
      for (const event of ['connected', 'reconnected']) client.on(event, (told) => keeper.until(told?.expires));
      client.on('disconnected', keeper.stop);
      return client;
    },
    isRefusal,
    wait: (attempts) => (attempts < ATTEMPTS ? backoff(attempts) : undefined),
  };
}

/** Sends the payload again before it expires, or a while after it was refused. */
function keep(payload, send) {
  let timer;
  let attempts = 0;
  const stop = () => clearTimeout(timer);
  const renewIn = (wait) => {
    stop();
    timer = setTimeout(() => payload().then(send).catch(again), Math.min(Math.max(wait, WAIT_MIN), TIMER_MAX));
  };
  const again = () => renewIn(backoff(attempts++));
  const until = (expires) => {
    stop();
    const left = Date.parse(expires ?? '') - Date.now();
    // Taken, but expired by this clock, or the same as before.
    if (left <= 0) return again();
    attempts = 0;
    if (!Number.isNaN(left)) renewIn(left - Math.min(left / 3, WAIT_MAX));
  };
  return { until, again, stop };
}

const backoff = (attempts) => Math.min(500 * 2 ** attempts, WAIT_MAX) * (0.5 + Math.random() / 2);

/** Whether an error, or the errors of a message, say that a credential was not taken. */
function isRefusal(error) {
  const errors = [error?.errors ?? error].flat();
  const is = (error) => error?.extensions?.code === 'UNAUTHENTICATED';
  return CLOSES.includes(error?.code) || error?.response?.status === 401 || errors.some(is);
}
