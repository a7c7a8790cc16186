import type { Client as Transport } from 'graphql-ws';
import { authorization } from '../resume/authorization.js';
import { iterate, resumable } from '../resume/index.js';
import { asError, type StreamSyncError } from './errors.js';
import {
  HistoryDocument,
  type HistoryQuery,
  type HistoryQueryVariables,
  LatestDocument,
  type LatestQuery,
  MetricsDocument,
  type MetricsQuery,
  PointsDocument,
  type PointsSubscription,
  type PointsSubscriptionVariables,
  type SeriesSelector,
} from './generated/graphql.js';
import { poster, type TypedDocument } from './requests.js';
import { type Connection, openSocket, persistence } from './socket.js';
import { type Store, store } from './store.js';

export interface ClientOptions {
  /** Where the server is, such as `https://streamsync.example.org`. */
  url: string | URL;
  /**
   * Gives an API key or a token: for each connection and each request, before a token expires, and after one
   * was refused or has expired.
   */
  token?: () => string | Promise<string>;
  /** A class for WebSockets where the platform has none, such as that of `ws` for Node.js 20. */
  webSocketImpl?: unknown;
  fetch?: typeof globalThis.fetch;
}

export interface Sink<Result> {
  next(data: Result): void;
  /** The subscription has ended. */
  error(error: StreamSyncError): void;
  complete?(): void;
}

export interface Resuming {
  /**
   * What came right after the last cursor is gone. Return the cursor to go on from, such as `earliest`;
   * without one the subscription ends with the error `RESUME_GAP`.
   */
  onGap?: (earliest: string) => string | undefined;
}

type Aggregates = 'avg' | 'min' | 'max' | 'sum' | 'count' | 'first' | 'last' | 'stddev' | 'delta' | 'increase' | 'rate';
export type HistoryOptions = Omit<HistoryQueryVariables, Aggregates | 'withPercentiles'>;
export type SeriesHistory = HistoryQuery['history'][number];
export type LatestPoint = LatestQuery['latest'][number];
export type Metric = MetricsQuery['metrics'][number];
export type PointsOptions = PointsSubscriptionVariables;
export type PointBatch = PointsSubscription['points'];
export type LivePoint = PointBatch['points'][number];

export interface Client {
  /** A query or mutation of your own. */
  request<Result = unknown, Variables = Record<string, unknown>>(
    document: TypedDocument<Result, Variables>,
    variables?: Variables,
    options?: { signal?: AbortSignal },
  ): Promise<Result>;
  /**
   * A subscription of your own, until the returned function is called. One that has the variable `$after` and
   * asks for `cursor` goes on exactly behind the last message after a lost connection.
   */
  subscribe<Result = unknown, Variables = Record<string, unknown>>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    sink: Sink<Result>,
    options?: Resuming,
  ): () => void;
  history(options: HistoryOptions, more?: { signal?: AbortSignal }): Promise<SeriesHistory[]>;
  /** The newest point of each series. */
  latest(selector: SeriesSelector, more?: { signal?: AbortSignal }): Promise<LatestPoint[]>;
  metrics(options?: { search?: string; first?: number }, more?: { signal?: AbortSignal }): Promise<Metric[]>;
  /**
   * Live points, without gap or duplicate over lost connections, until it is left or `signal` aborts. The first
   * batch is empty, and so is one every 15 s without points: they carry the cursor.
   */
  points(options: PointsOptions, more?: Resuming & { signal?: AbortSignal }): AsyncGenerator<PointBatch, void>;
  readonly connection: Store<Connection>;
  /** Ends all subscriptions and the connection. */
  dispose(): void;
}

export function createClient({ url, token, webSocketImpl, fetch = globalThis.fetch }: ClientOptions): Client {
  const auth = token && authorization(token);
  const http = new URL('graphql', `${url}`.replace(/\/?$/, '/'));
  const websocket = new URL(http.href.replace(/^http/, 'ws'));
  const post = poster(http, fetch, auth);
  const connection = store<Connection>('idle');
  let socket: Transport | undefined;

  const request: Client['request'] = (document, variables, { signal } = {}) =>
    post({ query: document.toString(), variables }, signal) as Promise<never>;

  const subscribe: Client['subscribe'] = (document, variables, sink, options) => {
    socket ??= openSocket(websocket, webSocketImpl, auth, connection);
    const payload = { query: document.toString(), variables: variables as Record<string, unknown> };
    const fail = (problem: unknown) => sink.error(asError(problem));
    return resumable(socket, { ...options, authorization: persistence(auth) }).subscribe(payload, {
      next: ({ data, errors }) => (data ? sink.next(data as never) : fail(errors)),
      error: fail,
      complete: () => sink.complete?.(),
    });
  };

  return {
    request,
    subscribe,
    connection,

    async history(options, more) {
      const { aggregate, percentiles } = options;
      const wanted = [aggregate ?? []].flat().map((name) => [name.toLowerCase(), true]);
      const variables = { ...options, ...Object.fromEntries(wanted), withPercentiles: Boolean(percentiles) };
      return (await request(HistoryDocument, variables as HistoryQueryVariables, more)).history;
    },

    latest: async (selector, more) => (await request(LatestDocument, { selector }, more)).latest,

    metrics: async (options = {}, more) => (await request(MetricsDocument, options, more)).metrics,

    points(options, { signal, ...resuming } = {}) {
      const batches = iterate<PointBatch>((_, { next, ...sink }) =>
        subscribe(PointsDocument, options, { ...sink, next: ({ points }) => next(points) }, resuming),
      );
      const leave = () => void batches.return();
      signal?.addEventListener('abort', leave, { once: true });
      if (signal?.aborted) leave();
      return batches;
    },

    dispose: () => void socket?.dispose(),
  };
}
