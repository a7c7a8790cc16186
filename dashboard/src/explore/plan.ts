/** How a panel's lines are asked for: stored points where they are few, else buckets a pixel or two wide. */
import { parseSpan } from './moment';

export const AGGREGATES = [
  'avg',
  'min',
  'max',
  'sum',
  'count',
  'first',
  'last',
  'stddev',
  'increase',
  'rate',
  'delta',
  'p50',
  'p90',
  'p95',
  'p99',
] as const;
/** `auto`: stored points when few, else the mean with its band. `points`: stored points only. */
export const METHODS = ['auto', 'points', ...AGGREGATES] as const;
export type Method = (typeof METHODS)[number];

export const FILLS = ['none', 'null', 'previous', 'linear'] as const;
export type Fill = (typeof FILLS)[number];
export const ACROSS = ['avg', 'sum', 'min', 'max', 'count'] as const;
export type Across = (typeof ACROSS)[number];

export interface Grouping {
  by: readonly string[];
  across: Across;
}

/** What decides which points a panel has. */
export interface Wish {
  method: Method;
  /** Such as `10s`; chosen by the window when left out. */
  step?: string;
  group?: Grouping;
  fill: Fill;
  band: boolean;
}

export type Plan =
  | { kind: 'points' }
  /** More points than are worth sending: those that keep the look of the line. */
  | { kind: 'thinned'; max: number }
  | { kind: 'buckets'; step: number; columns: readonly string[]; group?: Grouping; fill: Fill };

/** How the present end of the lines is kept up. */
export type Following = 'points' | 'aggregates' | 'asking';

const STEPS = [
  '10ms',
  '20ms',
  '50ms',
  '100ms',
  '200ms',
  '500ms',
  '1s',
  '2s',
  '5s',
  '10s',
  '15s',
  '30s',
  '1m',
  '2m',
  '5m',
  '10m',
  '15m',
  '30m',
  '1h',
  '2h',
  '3h',
  '6h',
  '12h',
  '1d',
  '2d',
  '5d',
  '10d',
  '20d',
  '50d',
  '100d',
  '365d',
] as const;
export const STEP_CHOICES = STEPS.slice(STEPS.indexOf('100ms'), STEPS.indexOf('2d'));

const PIXELS_PER_BUCKET = 2;
/** More than these are not drawn better than their buckets. */
const POINTS_PER_PIXEL = 2;
const POINTS_IN_ALL = 60_000;
/** Even when stored points are insisted on, a line has no more. */
export const THINNED_MAX = 5_000;
const BUCKETS_MAX = 5_000;

/** The shortest round width that gives a bucket for each two pixels, or fewer. */
export function stepFor(span: number, width: number): number {
  const wanted = span / Math.max(50, width / PIXELS_PER_BUCKET);
  const lengths = STEPS.map((step) => parseSpan(step) as number);
  return lengths.find((length) => length >= wanted) ?? (lengths.at(-1) as number);
}

/** Whether the number of stored points decides. */
export const needsCounts = (wish: Wish): boolean =>
  wish.method === 'points' || (wish.method === 'auto' && wish.step === undefined && wish.group === undefined);

/** By what series are ranked where more match than are shown: what is shown of them, if one bucket of all has it cheaply. */
export const rankingOf = ({ method }: Wish): string =>
  ['min', 'max', 'sum', 'count', 'first', 'last', 'increase', 'rate', 'delta'].includes(method) ? method : 'avg';

/** `counts`: the stored points of each line in the window, where they decide. */
export function planFor(wish: Wish, span: number, width: number, counts: readonly number[] = []): Plan {
  if (needsCounts(wish)) {
    const most = Math.max(0, ...counts);
    const all = counts.reduce((sum, count) => sum + count, 0);
    if (wish.method === 'points') {
      return most <= THINNED_MAX && all <= THINNED_MAX * 20
        ? { kind: 'points' }
        : { kind: 'thinned', max: THINNED_MAX };
    }
    if (most <= Math.max(500, width * POINTS_PER_PIXEL) && all <= POINTS_IN_ALL) return { kind: 'points' };
  }
  const wished = wish.step ? parseSpan(wish.step) : undefined;
  // A step that is far too short for the window would ask for what nobody sees.
  const step = Math.max(wished ?? stepFor(span, width), stepFor(span, BUCKETS_MAX * PIXELS_PER_BUCKET));
  const main = wish.method === 'auto' || wish.method === 'points' ? 'avg' : wish.method;
  const columns = wish.band ? [...new Set([main, 'min', 'max'])] : [main];
  return { kind: 'buckets', step, columns, fill: wish.fill, ...(wish.group ? { group: wish.group } : {}) };
}

/** Whether stored points that came since have outgrown the plan. */
export const hasOutgrown = (plan: Plan, wish: Wish, most: number, width: number): boolean =>
  plan.kind === 'points' &&
  most > 2 * (wish.method === 'points' ? THINNED_MAX : Math.max(500, width * POINTS_PER_PIXEL));

const LIVE: ReadonlySet<string> = new Set(['avg', 'min', 'max', 'sum', 'count', 'first', 'last']);

export function followingOf(plan: Plan): Following {
  if (plan.kind !== 'buckets') return 'points';
  return plan.fill === 'none' && !plan.group && plan.columns.every((column) => LIVE.has(column))
    ? 'aggregates'
    : 'asking';
}
