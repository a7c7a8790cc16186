/** Which letters are shown. The page's address says it, so that it can be shared. */
import type { ReasonCount } from './documents';

export interface Filter {
  stream: string | null;
  topic: string | null;
  reason: string | null;
  /** Also those that a redrive has stored since. */
  resolved: boolean;
}

/** What a filter may ask of a letter's origin. */
export const PARTS = ['stream', 'topic', 'reason'] as const;
export type Part = (typeof PARTS)[number];

export const EVERYTHING: Filter = { stream: null, topic: null, reason: null, resolved: false };

export function filterOf(params: URLSearchParams): Filter {
  const [stream = null, topic = null, reason = null] = PARTS.map((part) => params.get(part) || null);
  return { stream, topic, reason, resolved: params.get('resolved') === 'true' };
}

/** What comes behind the page's path. */
export function searchOf(filter: Filter): string {
  const params = new URLSearchParams();
  for (const part of PARTS) if (filter[part]) params.set(part, filter[part]);
  if (filter.resolved) params.set('resolved', 'true');
  return params.size > 0 ? `?${params}` : '';
}

export const isNarrow = (filter: Filter): boolean => PARTS.some((part) => filter[part] !== null);

export const matches = (filter: Filter, count: ReasonCount): boolean =>
  PARTS.every((part) => filter[part] === null || filter[part] === count[part]);

/** How many letters wait that the filter selects. */
export const waiting = (filter: Filter, counts: readonly ReasonCount[]): number =>
  counts.filter((count) => matches(filter, count)).reduce((sum, { count }) => sum + count, 0);

/** What there is to choose from; what is chosen stays even when no letter of it waits any more. */
export function choices(part: Part, filter: Filter, counts: readonly ReasonCount[]): string[] {
  const known = new Set(counts.map((count) => count[part]));
  if (filter[part]) known.add(filter[part]);
  return [...known].sort();
}
