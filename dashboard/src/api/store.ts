import { useSyncExternalStore } from 'react';

/** A value that lives outside React and is watched from inside. */
export interface Store<T> {
  get(): T;
  set(value: T): void;
  subscribe(listener: () => void): () => void;
}

export function store<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** `prerendered` is what the exported HTML shows, before the browser knows better. */
export function useStore<T>(of: Store<T>, prerendered: T = of.get()): T {
  return useSyncExternalStore(of.subscribe, of.get, () => prerendered);
}
