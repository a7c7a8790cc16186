/** The last five minutes of the pipeline, second by second, joined from answers and live messages. */
import type { SecondFragment } from '@/api/generated/graphql';

export const SPAN_MS = 300_000;
/** Seconds that follow each other are not further apart than this. */
export const PAUSE_MS = 1_700;

export interface Sample extends Omit<SecondFragment, 'at'> {
  /** Milliseconds since 1970. */
  at: number;
}

export const sampleOf = (second: SecondFragment): Sample => ({ ...second, at: Date.parse(second.at) });

/** By time, each second once. */
export function merge(known: readonly Sample[], added: readonly Sample[]): Sample[] {
  const byTime = new Map([...known, ...added].map((sample) => [sample.at, sample]));
  const merged = [...byTime.values()].sort((a, b) => a.at - b.at);
  const end = merged.at(-1)?.at ?? 0;
  return merged.filter(({ at }) => at > end - SPAN_MS);
}

/** Whether seconds are missing between what is known and `next`. */
export function isHole(known: readonly Sample[], next: Sample): boolean {
  const last = known.at(-1);
  return last !== undefined && next.at - last.at > PAUSE_MS;
}
