/** Subscriptions: one WebSocket for all of them, which comes back by itself. */
import { type Client, createClient } from 'graphql-ws';
import { useEffect, useRef, useState } from 'react';
import { resumable } from 'streamsync-resume';
import { authorization, entrance, letInAgain, onTurn, refresh } from './auth';
import { websocketUrl } from './endpoint';
import { ApiError, type GraphQLProblem, isForbidden } from './errors';
import type { TypedDocumentString } from './generated/graphql';
import { OPEN } from './session';
import { store, useStore } from './store';

/** `idle`: nothing is subscribed to. */
export type Connection = 'idle' | 'connecting' | 'live' | 'reconnecting';

export const connection = store<Connection>('idle');
export const useConnection = (): Connection => useStore(connection, 'idle');

const UNAUTHORIZED = 4401;
const FORBIDDEN = 4403;
const LONGEST_WAIT_MS = 5_000;
const PING_MS = 10_000;
/** A connection that is gone without a word is noticed this long after a ping. */
const PONG_MS = 5_000;

let shared: Client | undefined;
let params: Record<string, unknown> = {};
/** With which session the connection was last opened. */
let openedWith = OPEN;

function client(): Client {
  if (shared) return shared;
  let wasLive = false;
  let silence: ReturnType<typeof setTimeout> | undefined;
  // Browsers do not tell that a server refused to open a WebSocket, so it is asked.
  let asking = Promise.resolve();
  const created = createClient({
    async url() {
      await asking;
      openedWith = await entrance();
      return websocketUrl('/graphql');
    },
    connectionParams: () => ({ ...authorization(), ...params }),
    keepAlive: PING_MS,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: (problem) => !isRefusal(problem),
    retryWait: (retries) => wait(Math.min(LONGEST_WAIT_MS, 250 * 2 ** retries) * (0.5 + Math.random() / 2)),
    on: {
      connecting: () => connection.set(wasLive ? 'reconnecting' : 'connecting'),
      connected: () => {
        wasLive = true;
        connection.set('live');
      },
      ping: (received) => {
        if (!received) silence = setTimeout(() => created.terminate(), PONG_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(silence);
      },
      closed: (event) => {
        clearTimeout(silence);
        const left = (event as CloseEvent).code === 1000;
        wasLive &&= !left;
        connection.set(left ? 'idle' : 'reconnecting');
        if (!left) asking = refresh();
      },
    },
  });
  onTurn(() => created.terminate());
  shared = created;
  return created;
}

/** The WebSocket itself, for subscriptions that are not ours, opened with these connection parameters too. */
export function socket(wanted: Record<string, unknown>): Client {
  if (JSON.stringify(wanted) !== JSON.stringify(params)) {
    params = wanted;
    client().terminate();
  }
  return client();
}

/** The connection was closed because of who asks. */
const isRefusal = (problem: unknown): boolean => [UNAUTHORIZED, FORBIDDEN].includes((problem as CloseEvent)?.code);
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The client, whose subscriptions outlive their session: they go on once the same one has signed in again. */
export function patient<C extends Pick<Client, 'subscribe'>>(client: C): C {
  const subscribe: Client['subscribe'] = (payload, sink) => {
    let left = false;
    let stop = () => {};
    const open = () => {
      stop = client.subscribe(payload, {
        ...sink,
        async error(problem) {
          if (!isRefusal(problem)) return sink.error(problem);
          const again = await letInAgain(openedWith);
          if (left) return;
          if (again) open();
          else sink.error(problem);
        },
      });
    };
    open();
    return () => {
      left = true;
      stop();
    };
  };
  return { ...client, subscribe };
}

export interface Sink<Result> {
  next(data: Result): void;
  /** The subscription has ended. */
  error(error: ApiError): void;
  /** What came right after the last cursor is gone; it goes on behind the hole. */
  gap?(): void;
}

/**
 * Subscribes until the returned function is called. Over lost connections and restarted servers a
 * subscription with a cursor goes on right behind the last message that came.
 */
export function subscribe<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  sink: Sink<Result>,
): () => void {
  const onGap = (earliest: string) => {
    sink.gap?.();
    return earliest;
  };
  const fail = (problem: unknown) => {
    // The role is another one by now.
    if (Array.isArray(problem) && problem.some(isForbidden)) void refresh();
    sink.error(asError(problem));
  };
  const payload = { query: document.toString(), variables: variables as Record<string, unknown> };
  return resumable(patient(client()), { onGap }).subscribe(payload, {
    next({ data, errors }) {
      if (data) sink.next(data as Result);
      else if (errors) fail(errors);
    },
    error: fail,
    complete() {},
  });
}

export function asError(problem: unknown): ApiError {
  if (Array.isArray(problem)) return ApiError.of(problem as GraphQLProblem[]);
  if (isRefusal(problem)) return new ApiError('The server wants to know who asks.', 'UNAUTHENTICATED');
  return new ApiError('The connection broke and could not be made again.', 'NETWORK');
}

/** The newest message of a subscription, for pages that show a state. `again` subscribes anew, as after an error. */
export function useSubscription<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  onData?: (data: Result) => void,
): { data?: Result; error?: ApiError; again(): void } {
  const [attempt, setAttempt] = useState(0);
  const [latest, setLatest] = useState<{ data?: Result; error?: ApiError }>({});
  const listener = useRef(onData);
  listener.current = onData;
  const asked = JSON.stringify(variables);
  const again = () => setAttempt((before) => before + 1);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt is another subscription
  useEffect(() => {
    setLatest({});
    return subscribe(document, JSON.parse(asked) as Variables, {
      next(data) {
        setLatest({ data });
        listener.current?.(data);
      },
      error: (error) => setLatest(({ data }) => ({ ...(data ? { data } : {}), error })),
    });
  }, [document, asked, attempt]);
  return { ...latest, again };
}
