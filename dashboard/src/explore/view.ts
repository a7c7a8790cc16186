/** Which time the dashboard shows. */
import type { TimeWindow } from '@/charts/model';
import { formatSpan, parseSpan } from './moment';

/** The last `span` milliseconds, sliding; or a window that stands still. */
export type View = { kind: 'live'; span: number } | { kind: 'still'; from: number; to: number };

export const SPANS = ['5m', '15m', '1h', '6h', '24h', '7d', '30d'] as const;

/** As it was chosen: `24h` is not `1d`. */
export const spanTitle = (span: number): string => SPANS.find((known) => parseSpan(known) === span) ?? formatSpan(span);

const SHORTEST_MS = 10;
const LONGEST_MS = 100 * 365 * 86_400_000;
const EARLIEST_MS = Date.parse('0001-01-02T00:00:00Z');
const LATEST_MS = Date.parse('9999-12-30T00:00:00Z');

export const spanOf = (view: View): number => (view.kind === 'live' ? view.span : view.to - view.from);

export function windowOf(view: View, now: number): TimeWindow {
  return view.kind === 'live' ? { from: now - view.span, to: now } : { from: view.from, to: view.to };
}

export const pause = (view: View, now: number): View => ({ kind: 'still', ...windowOf(view, now) });

/** A window that can be asked for, whatever gesture led to it. */
export function stillView({ from, to }: TimeWindow): View {
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, to - from));
  const begin = Math.min(LATEST_MS - length, Math.max(EARLIEST_MS, from));
  return { kind: 'still', from: Math.round(begin * 1_000) / 1_000, to: Math.round((begin + length) * 1_000) / 1_000 };
}

export const isSameView = (a: View, b: View): boolean => JSON.stringify(a) === JSON.stringify(b);
