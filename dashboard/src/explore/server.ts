/** What a feed asks of the server; tests bring another one. */

import type { ApiError } from '@/api/errors';
import type { Aggregate } from '@/api/generated/graphql';
import { type Connection, connection, subscribe } from '@/api/live';
import { request } from '@/api/query';
import { LivePoints, LiveWindows, MatchingSeries, NewestPoints } from './documents';
import { formatSpan, parseMoment } from './moment';
import type { History, Update } from './picture';
import type { Plan } from './plan';
import { readCounts, readHistory, readRanks, type Span } from './rows';
import { type Selector, toInput } from './selector';
import type { Label } from './series-key';

export interface KnownSeries {
  key: string;
  labels: readonly Label[];
}

export interface LiveSink {
  /** `conflated`: how many points were left out before these. */
  next(updates: Update[], conflated: number): void;
  error(error: ApiError): void;
  /** Points are missing between the last message and the next. */
  gap(): void;
}

export interface Server {
  series(selector: Selector, first: number, signal: AbortSignal): Promise<KnownSeries[]>;
  counts(selector: Selector, span: Span, signal: AbortSignal): Promise<Map<string, number>>;
  /** A value of each series, by which the greatest are found. */
  ranks(selector: Selector, by: string, span: Span, signal: AbortSignal): Promise<Map<string, number>>;
  history(selector: Selector, plan: Plan, span: Span, signal: AbortSignal): Promise<History[]>;
  newest(selector: Selector, signal: AbortSignal): Promise<number | undefined>;
  points(selector: Selector, sink: LiveSink): () => void;
  windows(selector: Selector, plan: Plan & { kind: 'buckets' }, sink: LiveSink): () => void;
  connection: { get(): Connection; subscribe(listener: () => void): () => void };
  now(): number;
}

export const server: Server = {
  async series(selector, first, signal) {
    const { series } = await request(MatchingSeries, { selector: toInput(selector), first }, signal);
    return series.nodes;
  },
  counts: readCounts,
  ranks: readRanks,
  history: readHistory,
  async newest(selector, signal) {
    const { latest } = await request(NewestPoints, { selector: toInput(selector) }, signal);
    return latest.length ? Math.max(...latest.map(({ ts }) => parseMoment(ts))) : undefined;
  },
  points: (selector, sink) =>
    subscribe(
      LivePoints,
      { selector: toInput(selector) },
      {
        next({ points: { points, conflated } }) {
          sink.next(
            points.map(({ key, ts, value }) => ({ key, time: parseMoment(ts), value })),
            conflated,
          );
        },
        error: sink.error,
        gap: sink.gap,
      },
    ),
  windows(selector, { step, columns }, sink) {
    const aggregate = columns.map((column) => column.toUpperCase() as Aggregate);
    const isBand = columns.includes('min') && columns.includes('max');
    return subscribe(
      LiveWindows,
      { selector: toInput(selector), window: formatSpan(step), aggregate },
      {
        next({ aggregates: { windows } }) {
          const updates = windows.flatMap(({ series, ts, value, min, max }) => {
            // No double can hold it: there is nothing to draw.
            if (value === null || value === undefined) return [];
            const update = { key: series.key, time: parseMoment(ts), value };
            return isBand && min !== null && max !== null && min !== undefined && max !== undefined
              ? [{ ...update, low: min, high: max }]
              : [update];
          });
          // Of a window only its newest state matters: nothing that was left out is missing.
          sink.next(updates, 0);
        },
        error: sink.error,
      },
    );
  },
  connection,
  now: () => Date.now(),
};
