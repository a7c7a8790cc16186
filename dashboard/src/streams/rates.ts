/** Counters become rates: what they rose by over the last ten seconds. */
import type { StreamNowFragment } from '@/api/generated/graphql';

export const COUNTERS = ['records', 'stored', 'deadLetters'] as const;
type Counter = (typeof COUNTERS)[number];

/** Per second. */
export type Rates = Record<Counter, number>;

type Counts = Pick<StreamNowFragment, 'name' | Counter>;

export interface Reading {
  /** Milliseconds since 1970. */
  at: number;
  streams: ReadonlyMap<string, Counts>;
}

const SPAN_MS = 10_000;

export const readingOf = (at: string, streams: readonly Counts[]): Reading => ({
  at: Date.parse(at),
  streams: new Map(streams.map((stream) => [stream.name, stream])),
});

/** With `next`, without what is too old; from `next` alone where the server has begun to count anew. */
export function remember(readings: readonly Reading[], next: Reading): Reading[] {
  const last = readings.at(-1);
  if (!last || next.at <= last.at || fell(last, next)) return [next];
  return [...readings.filter(({ at }) => at >= next.at - SPAN_MS), next];
}

const fell = (before: Reading, after: Reading): boolean =>
  [...after.streams].some(([name, counts]) => {
    const old = before.streams.get(name);
    return old !== undefined && COUNTERS.some((counter) => counts[counter] < old[counter]);
  });

/** Undefined until there are two readings to compare. */
export function ratesOf(readings: readonly Reading[], name: string): Rates | undefined {
  const last = readings.at(-1);
  const first = readings.find(({ streams }) => streams.has(name));
  const from = first?.streams.get(name);
  const to = last?.streams.get(name);
  if (!first || !last || !from || !to || first === last) return undefined;
  const seconds = (last.at - first.at) / 1_000;
  const rate = (counter: Counter) => (to[counter] - from[counter]) / seconds;
  return { records: rate('records'), stored: rate('stored'), deadLetters: rate('deadLetters') };
}
