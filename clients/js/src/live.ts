/** Series and newest values that stay up to date. */
import type { Client, LatestPoint, PointsOptions } from './client.js';
import { asError, type StreamSyncError } from './errors.js';
import { PointsDocument, type SeriesSelector } from './generated/graphql.js';
import { backoff } from './socket.js';
import { milliseconds } from './span.js';
import { running, type Store } from './store.js';
import { type Series, SeriesWindow } from './window.js';

export interface LatestOptions extends Pick<PointsOptions, 'every'> {
  selector: SeriesSelector;
}

export interface SeriesOptions extends LatestOptions, Pick<PointsOptions, 'fold'> {
  /** How far back it reaches, such as `15m`. */
  last: string;
  /** At most this many points of each series; 10,000 if left out. */
  maxPoints?: number;
}

interface State {
  /** Nothing has come yet. */
  loading: boolean;
  /** Why nothing more comes. */
  error?: StreamSyncError;
}

export interface SeriesState extends State {
  series: readonly Series[];
}

export interface LatestState extends State {
  points: readonly LatestPoint[];
}

const MAX_POINTS = 10_000;

/** Begins with the stored points of the span. After a gap it begins anew, so that it has none. */
export function liveSeries(client: Client, options: SeriesOptions): Store<SeriesState> {
  const { selector, last, maxPoints = MAX_POINTS, every, fold } = options;
  const window = new SeriesWindow(milliseconds(last), maxPoints);
  return running<SeriesState>({ loading: true, series: [] }, (changed) => {
    let stop = () => {};
    const start = () => {
      let isFirst = true;
      stop = client.subscribe(
        PointsDocument,
        { selector, backfill: last, every, fold },
        {
          next({ points }) {
            if (isFirst) window.clear();
            isFirst = false;
            window.add(points);
            changed(() => ({ loading: false, series: window.read() }));
          },
          error(error) {
            if (error.code === 'RESUME_GAP') start();
            else changed(() => ({ loading: false, series: window.read(), error }));
          },
        },
      );
    };
    start();
    return () => stop();
  });
}

/** By key. Whatever comes first, the point with the latest time stays. */
export function liveLatest(client: Client, { selector, every }: LatestOptions): Store<LatestState> {
  const newest = new Map<string, LatestPoint>();
  return running<LatestState>({ loading: true, points: [] }, (changed) => {
    const asking = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const state: State = { loading: true };
    const show = (change: Partial<State> = {}) => {
      Object.assign(state, change);
      changed(() => ({ ...state, points: [...newest.values()].sort(byKey) }));
    };
    const fail = (error: StreamSyncError) => show({ loading: false, error });
    /** `isLive`: also takes the place of one with its time, as a correction. */
    const put = (points: readonly LatestPoint[], isLive: boolean) => {
      for (const { series, ts, value } of points) {
        const known = newest.get(series.key)?.ts ?? '';
        if (isLive ? ts >= known : ts > known) newest.set(series.key, { series, ts, value });
      }
    };
    const ask = async (attempts = 0): Promise<void> => {
      try {
        put(await client.latest(selector, { signal: asking.signal }), false);
        show({ loading: false });
      } catch (problem) {
        const error = asError(problem);
        if (asking.signal.aborted) return;
        if (!error.passes) return fail(error);
        timer = setTimeout(ask, backoff(attempts), attempts + 1);
      }
    };
    let isOpen = false;
    const stop = client.subscribe(
      PointsDocument,
      { selector, every },
      {
        next({ points }) {
          // Only now is nothing missed between the answer and the subscription.
          if (!isOpen) void ask();
          isOpen = true;
          put(points.points, true);
          show();
        },
        error: fail,
      },
      {
        onGap(earliest) {
          isOpen = false;
          return earliest;
        },
      },
    );
    return () => {
      asking.abort();
      clearTimeout(timer);
      stop();
    };
  });
}

const byKey = (a: LatestPoint, b: LatestPoint) => (a.series.key < b.series.key ? -1 : 1);
