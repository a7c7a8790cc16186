/** Which records are shown. The page's address says it, so that it can be shared. */
import { type Outcome, SHOWN } from './outcome';

export const LENGTHS = ['20', '50', '100'] as const;
export type Length = (typeof LENGTHS)[number];

export interface Choice {
  /** Null for the first of all. */
  stream: string | null;
  last: Length;
  /** Null for all of them. */
  show: Outcome | null;
}

export function choiceOf(params: URLSearchParams): Choice {
  const [last, show] = [params.get('last'), params.get('show')];
  return {
    stream: params.get('stream') || null,
    last: LENGTHS.find((length) => length === last) ?? LENGTHS[0],
    show: SHOWN.find((outcome) => outcome === show) ?? null,
  };
}

/** What comes behind the page's path. */
export function searchOf({ stream, last, show }: Choice): string {
  const params = new URLSearchParams();
  if (stream) params.set('stream', stream);
  if (last !== LENGTHS[0]) params.set('last', last);
  if (show) params.set('show', show);
  return params.size > 0 ? `?${params}` : '';
}
