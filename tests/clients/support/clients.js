// The clients people use, as they are and with the helper of clients/js/resume, and ours.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { RetryLink } from '@apollo/client/link/retry';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { Client as Urql, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient as createStreamSyncClient } from '@streamsync/client';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient } from 'graphql-ws';
import { SubscriptionClient } from 'subscriptions-transport-ws';
import WebSocket from 'ws';

import { resumable, resumeLink } from '../../../clients/js/resume/index.js';
import { POINTS } from './points.js';

// As browsers have it; Apollo looks at its constants.
globalThis.WebSocket ??= WebSocket;

const soon = () => new Promise((resolve) => setTimeout(resolve, 50));

export const websocketClient = ({ websocket }, options) =>
  createClient({
    url: websocket,
    webSocketImpl: WebSocket,
    retryAttempts: Infinity,
    // Also a refused connection: the server may be on its way back.
    shouldRetry: () => true,
    retryWait: soon,
    ...options,
  });

export const sseClient = ({ graphql }, options) =>
  createSseClient({ url: graphql, retryAttempts: Infinity, retry: soon, ...options });

export const legacyClient = ({ websocket }, options) =>
  new SubscriptionClient(websocket, { reconnect: true, minTimeout: 10_000, ...options }, WebSocket);

export const streamsyncClient = ({ graphql }, options) =>
  createStreamSyncClient({ url: new URL('.', graphql), webSocketImpl: WebSocket, ...options });

export const apolloClient = (...links) => new ApolloClient({ link: ApolloLink.from(links), cache: new InMemoryCache() });

/** A link that tries again at once and for ever. */
export const retryLink = () => new RetryLink({ delay: { initial: 50, max: 50 }, attempts: { max: Infinity } });

export function urqlClient({ graphql }, client) {
  const forwardSubscription = ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: client.subscribe({ query, variables }, sink) }),
  });
  const live = client ? [subscriptionExchange({ forwardSubscription })] : [];
  return new Urql({ url: graphql, preferGetMethod: false, fetchSubscriptions: !client, exchanges: [...live, fetchExchange] });
}

/**
 * Functions that subscribe to points with the helper: (where to connect, variables, sink, options
 * of the helper), and give what stops the client. A sink gets results, `{ data, errors }`, and at
 * most one error: a list of GraphQL errors, or what has one as `errors`.
 */
export const resuming = {
  '@streamsync/client': (server, variables, sink, options) => {
    const client = streamsyncClient(server);
    client.subscribe(POINTS, variables, { ...sink, next: (data) => sink.next({ data }) }, options);
    return { stop: () => client.dispose() };
  },

  '@streamsync/client by iteration': (server, { metric, backfill }, sink, options) => {
    const client = streamsyncClient(server);
    (async () => {
      for await (const points of client.points({ selector: { metric }, backfill }, options)) sink.next({ data: { points } });
    })().catch(sink.error);
    return { stop: () => client.dispose() };
  },

  'graphql-ws': (server, variables, sink, options) => {
    const client = resumable(websocketClient(server), options);
    client.subscribe({ query: POINTS, variables }, { ...sink, complete() {} });
    return { stop: () => client.dispose() };
  },

  'graphql-ws by iteration': (server, variables, sink, options) => {
    const client = resumable(websocketClient(server), options);
    (async () => {
      for await (const result of client.iterate({ query: POINTS, variables })) sink.next(result);
    })().catch(sink.error);
    return { stop: () => client.dispose() };
  },

  'graphql-sse': (server, variables, sink, options) => {
    const client = resumable(sseClient(server), options);
    client.subscribe({ query: POINTS, variables }, { ...sink, complete() {} });
    return { stop: () => client.dispose() };
  },

  'Apollo over WebSocket': (server, variables, sink, options) => {
    const socket = websocketClient(server);
    const client = apolloClient(new ApolloLink(resumeLink(options)), new GraphQLWsLink(socket));
    return { stop: watch(client, variables, sink, () => socket.dispose()) };
  },

  'Apollo over multipart': (server, variables, sink, options) => {
    const client = apolloClient(new ApolloLink(resumeLink(options)), retryLink(), new HttpLink({ uri: server.graphql }));
    return { stop: watch(client, variables, sink) };
  },

  urql: (server, variables, sink, options) => {
    const socket = resumable(websocketClient(server), options);
    const results = urqlClient(server, socket).subscription(POINTS, variables);
    const { unsubscribe } = results.subscribe(({ data, error }) => {
      if (error) sink.error(error.graphQLErrors);
      else sink.next({ data });
    });
    return { stop: () => (unsubscribe(), socket.dispose()) };
  },

  'subscriptions-transport-ws': (server, variables, sink, options) => {
    const legacy = legacyClient(server);
    const subscribe = (payload, observer) => legacy.request(payload).subscribe(observer).unsubscribe;
    resumable({ subscribe }, options).subscribe({ query: POINTS, variables }, { ...sink, complete() {} });
    return { stop: () => legacy.close() };
  },
};

function watch(client, variables, sink, close = () => {}) {
  const results = client.subscribe({ query: gql(POINTS), variables, fetchPolicy: 'no-cache' });
  const subscription = results.subscribe({
    next: ({ data, error }) => (error ? sink.error(error) : sink.next({ data })),
    error: sink.error,
  });
  return () => {
    subscription.unsubscribe();
    client.stop();
    close();
  };
}
