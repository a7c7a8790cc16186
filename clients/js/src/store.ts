/** A value that changes and is watched. */
export interface Store<T> {
  get(): T;
  /** Returns what ends it. */
  subscribe(listener: () => void): () => void;
}

export interface Settable<T> extends Store<T> {
  set(value: T): void;
}

export function store<T>(initial: T): Settable<T> {
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
      return () => void listeners.delete(listener);
    },
  };
}

/** As often as a screen shows something new. */
const FRAME_MS = 16;

/**
 * A store of what runs only while somebody listens. `run` starts it, tells `changed` of each change, and
 * returns what ends it. What many changes within one frame add up to is read once.
 */
export function running<T>(initial: T, run: (changed: (read: () => T) => void) => () => void): Store<T> {
  const inner = store(initial);
  let listeners = 0;
  let stop = () => {};
  const start = () => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let newest: () => T;
    const end = run((read) => {
      newest = read;
      timer ??= setTimeout(() => {
        timer = undefined;
        inner.set(newest());
      }, FRAME_MS);
    });
    stop = () => {
      clearTimeout(timer);
      end();
    };
  };
  return {
    get: inner.get,
    subscribe(listener) {
      const leave = inner.subscribe(listener);
      if (listeners++ === 0) start();
      let left = false;
      return () => {
        if (left) return;
        left = true;
        leave();
        if (--listeners === 0) stop();
      };
    },
  };
}
