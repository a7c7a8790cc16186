/** Hooks for React 18 and newer. */
import { createContext, createElement, type ReactNode, useContext, useMemo, useSyncExternalStore } from 'react';
import type { Client } from './client.js';
import {
  type LatestOptions,
  type LatestState,
  liveLatest,
  liveSeries,
  type SeriesOptions,
  type SeriesState,
} from './live.js';
import type { Connection } from './socket.js';
import type { Store } from './store.js';

const Context = createContext<Client | undefined>(undefined);

/** Gives the client to the hooks below it. */
export const StreamSyncProvider = ({ client, children }: { client: Client; children?: ReactNode }): ReactNode =>
  createElement(Context.Provider, { value: client }, children);

export function useStreamSync(): Client {
  const client = useContext(Context);
  if (!client) throw new Error('there is no <StreamSyncProvider client={…}> around this component');
  return client;
}

/** The points of the last minutes, and live ones as they come. */
export const useSeries = (options: SeriesOptions): SeriesState => useLive(liveSeries, options);

/** The newest point of each series, as it changes. */
export const useLatest = (options: LatestOptions): LatestState => useLive(liveLatest, options);

export const useConnection = (): Connection => useStore(useStreamSync().connection);

/** The same for equal options, so that callers may write them in place. */
function useLive<Options, State>(live: (client: Client, options: Options) => Store<State>, options: Options): State {
  const client = useStreamSync();
  const asked = JSON.stringify(options);
  return useStore(useMemo(() => live(client, JSON.parse(asked) as Options), [client, live, asked]));
}

const useStore = <T>({ subscribe, get }: Store<T>): T => useSyncExternalStore(subscribe, get, get);
