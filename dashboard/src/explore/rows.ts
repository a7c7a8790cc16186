/** Points and buckets in bulk, over the plain HTTP interface: a tenth of what GraphQL's texts weigh. */
import { ApiError, type GraphQLProblem } from '@/api/errors';
import { send } from '@/api/http';
import { formatMoment, formatSpan } from './moment';
import type { History } from './picture';
import type { Plan } from './plan';
import { conditions, matcherText, type Selector } from './selector';

export interface Span {
  from: number;
  to: number;
}

/** What is asked for in a span, as a path of the HTTP interface. */
export function pathOf(selector: Selector, plan: Plan, span: Span, format: { csv: boolean } = { csv: false }): string {
  const params = new URLSearchParams({ from: formatMoment(span.from), to: formatMoment(span.to) });
  if (selector.metric) params.set('metric', selector.metric);
  for (const matcher of conditions(selector)) params.append('label', matcherText(matcher));
  if (format.csv) params.set('format', 'csv');
  else params.set('ts', 'ms');
  // Downloads are whole: what is thinned is so for the eye only.
  if (plan.kind === 'points' || (plan.kind === 'thinned' && format.csv)) return `/api/v1/points?${params}`;
  if (plan.kind === 'thinned') {
    params.set('max_points', String(plan.max));
    return `/api/v1/history?${params}`;
  }
  params.set('step', formatSpan(plan.step));
  params.set('aggregate', plan.columns.join(','));
  if (plan.fill !== 'none') params.set('fill', plan.fill);
  if (plan.group) {
    params.set('group_by', plan.group.by.join(','));
    params.set('across', plan.group.across);
  }
  return `/api/v1/history?${params}`;
}

/** A span that holds whole buckets only: cut ones would look like values of their own. */
export function wholeBuckets(plan: Plan, { from, to }: Span): Span {
  if (plan.kind !== 'buckets') return { from, to };
  const { step } = plan;
  return { from: Math.floor(from / step) * step, to: Math.ceil(to / step) * step };
}

type Row = readonly [time: number, ...values: (number | null)[]];
interface Answer {
  columns: readonly string[];
  series: readonly { series: string; points: readonly Row[] }[];
}

export async function ask(path: string, signal?: AbortSignal): Promise<Response> {
  const response = await send(path, { signal });
  if (response.ok) return response;
  const answer: { errors?: GraphQLProblem[] } | undefined = await response.json().catch(() => undefined);
  if (answer?.errors) throw ApiError.of(answer.errors);
  throw new ApiError(`The server answered ${response.status}.`, `HTTP_${response.status}`);
}

async function answerOf(path: string, signal: AbortSignal): Promise<Answer> {
  const response = await ask(path, signal);
  return response.json().catch((error: Error) => {
    if (error.name === 'AbortError') throw error;
    // An answer that breaks off is an error that came late.
    throw new ApiError('The answer broke off.', 'NETWORK');
  });
}

export async function readHistory(selector: Selector, plan: Plan, span: Span, signal: AbortSignal): Promise<History[]> {
  return historyOf(await answerOf(pathOf(selector, plan, span), signal));
}

/** Columns instead of rows. A value that is null is a gap. */
export function historyOf({ columns, series }: Answer): History[] {
  const low = columns.indexOf('min');
  const high = columns.indexOf('max');
  const isBand = low > 0 && high > 0;
  return series.map(({ series: key, points: rows }) => {
    const column = (place: number) => Float64Array.from(rows, (row) => row[place] ?? Number.NaN);
    const points = { times: column(0), values: column(1) };
    return { key, points: isBand ? { ...points, lows: column(low), highs: column(high) } : points };
  });
}

/** How many stored points each series has in the span. */
export const readCounts = (selector: Selector, span: Span, signal: AbortSignal): Promise<Map<string, number>> =>
  readWhole(selector, 'count', span, signal, (values) => values.reduce((sum, count) => sum + count, 0));

/** The greatest value of each series in the span, of as few buckets as there can be. */
export const readRanks = (
  selector: Selector,
  by: string,
  span: Span,
  signal: AbortSignal,
): Promise<Map<string, number>> => readWhole(selector, by, span, signal, (values) => Math.max(...values));

async function readWhole(
  selector: Selector,
  column: string,
  span: Span,
  signal: AbortSignal,
  fold: (values: number[]) => number,
): Promise<Map<string, number>> {
  const step = span.to - span.from > 86_400_000 ? 36_500 * 86_400_000 : 86_400_000;
  const plan: Plan = { kind: 'buckets', step, columns: [column], fill: 'none' };
  const { series } = await answerOf(pathOf(selector, plan, span), signal);
  return new Map(
    series.map(({ series, points }) => [series, fold(points.flatMap(([, value]) => (value == null ? [] : [value])))]),
  );
}
