/**
 * Continues a StreamSync subscription exactly where its connection broke.
 *
 * Clients that reconnect by themselves send again the variables they began with. Here the
 * variables are getters, read whenever a client sends them, and `after` is then the cursor of the
 * last message received. Nothing is compared or dropped: the server is exact.
 *
 * @module
 */

/**
 * @typedef {object} Options
 * @property {string} [after] the variable that takes the cursor; `after` when left out
 * @property {string[]} [instead] variables that the cursor replaces; `backfill` when left out
 * @property {(data: any) => string | undefined} [cursor] finds the cursor in the data of a message;
 *   that of its only field when left out
 * @property {Pick<import('./authorization.js').Authorization, 'isRefusal' | 'wait'>} [authorization] subscribes
 *   again, with a new token, after the server has refused the one before
 * @property {(earliest: string) => string | void} [onGap] what came right after the last cursor is
 *   gone. Return the cursor to go on from, such as `earliest`; without one the subscription ends
 *   with the error `RESUME_GAP`.
 */

/**
 * Wraps a client of graphql-ws or graphql-sse.
 *
 * @template {{ subscribe(payload: any, sink: any, ...rest: any[]): () => void }} Client
 * @param {Client} client
 * @param {Options} [options]
 * @returns {Client & { iterate(payload: any): AsyncGenerator<any, void> }}
 */
export function resumable(client, options) {
  const subscribe = (payload, sink, ...rest) => {
    const place = placeOf(payload.variables, options);
    const open = (inner) => client.subscribe({ ...payload, variables: place.variables }, inner, ...rest);
    return follow(place, open, sink, options?.authorization);
  };
  return { ...client, subscribe, iterate: (payload) => iterate(subscribe, payload) };
}

/**
 * The handler of an Apollo link, to be put before the one that reconnects:
 * `ApolloLink.from([new ApolloLink(resumeLink()), new RetryLink(), new HttpLink()])`.
 *
 * @param {Options} [options]
 */
export function resumeLink(options) {
  return (operation, forward) => {
    if (!operation.query.definitions.some((part) => part.operation === 'subscription')) return forward(operation);
    const place = placeOf(operation.variables, options);
    operation.variables = place.variables;
    const source = forward(operation);
    let opened = false;
    const open = (inner) => {
      const subscription = (opened ? forward(operation) : source).subscribe(inner);
      opened = true;
      return () => subscription.unsubscribe();
    };
    return new source.constructor((sink) => follow(place, open, sink, options?.authorization));
  };
}

/** Where a subscription stands: the variables that say so, and what moves them on. */
function placeOf(given, options) {
  const { after = 'after', instead = ['backfill'], cursor = ofOnlyField, onGap = () => {} } = options ?? {};
  const variables = {};
  let last;
  for (const name of new Set([after, ...Object.keys(given ?? {})])) {
    const resumed = () => (name === after ? last : instead.includes(name) ? undefined : given[name]);
    const get = () => (last === undefined ? given?.[name] : resumed());
    Object.defineProperty(variables, name, { get, enumerable: true });
  }
  return {
    variables,
    moveOn: ({ data }) => (last = cursor(data) ?? last),
    /** Whether these errors tell of a gap that it is to go on behind. */
    crosses: (errors) => {
      const gap = errors?.find((error) => error?.extensions?.code === 'RESUME_GAP');
      const next = gap ? onGap(gap.extensions.earliestCursor) : undefined;
      last = next || last;
      return Boolean(next);
    },
  };
}

/** Runs the subscription that `open` opens, and another one behind each gap and after each refusal. */
function follow(place, open, sink, authorization) {
  let close = () => {};
  let crossing = false;
  let refused = false;
  let refusals = 0;
  let closed = false;
  let timer;
  const start = () => {
    crossing = false;
    refused = false;
    if (!closed) close = open(inner);
  };
  /** False when it is not to be tried again. */
  const tryAgain = () => {
    const wait = authorization.wait(refusals++);
    if (wait !== undefined) timer = setTimeout(start, wait);
    return wait !== undefined;
  };
  const isRefusal = (error) => Boolean(authorization?.isRefusal(error));
  const inner = {
    next(message) {
      crossing ||= place.crosses(message.errors);
      refused = message.errors && isRefusal(message) ? message : refused;
      if (crossing || refused || isFarewell(message)) return;
      refusals = 0;
      place.moveOn(message);
      sink.next(message);
    },
    error(error) {
      if (place.crosses(error?.errors ?? [error].flat())) start();
      else if (!isRefusal(error) || !tryAgain()) sink.error(error);
    },
    complete() {
      if (crossing) return start();
      if (refused && tryAgain()) return;
      if (refused) sink.next(refused);
      sink.complete();
    },
  };
  start();
  return () => {
    closed = true;
    clearTimeout(timer);
    close();
  };
}

/** Says only that the connection is about to close, after which the client reconnects. */
const isFarewell = ({ data, errors }) =>
  !data && Boolean(errors?.every(({ extensions }) => ['GOING_AWAY', 'SLOW_CLIENT'].includes(extensions?.code)));

const ofOnlyField = (data) => Object.values(data ?? {})[0]?.cursor;

/**
 * As `iterate` of graphql-ws: what came and was not taken yet waits here.
 *
 * @template T
 * @param {(payload: any, sink: { next(value: T): void, error(error: unknown): void, complete(): void }) => () => void} subscribe
 * @param {any} [payload]
 * @returns {AsyncGenerator<T, void>}
 */
export function iterate(subscribe, payload) {
  const waiting = [];
  /** @type {(value?: any) => void} */
  let wake = () => {};
  const put = (event) => {
    waiting.push(event);
    wake();
  };
  const stop = subscribe(payload, {
    next: (value) => put({ value }),
    error: (error) => put({ error }),
    complete: () => put({ done: true }),
  });
  const results = (async function* () {
    for (;;) {
      if (waiting.length === 0) await new Promise((resolve) => (wake = resolve));
      const event = waiting.shift();
      if ('error' in event) throw event.error;
      if (event.done) return;
      yield event.value;
    }
  })();
  const leave = results.return.bind(results);
  results.return = (value) => {
    stop();
    // For who waits at this moment.
    put({ done: true });
    return leave(value);
  };
  return results;
}
