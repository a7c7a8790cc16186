import type { Columns } from '@/charts/columns';
import type { TimeWindow } from '@/charts/model';

export interface Statistics {
  last: number;
  min: number;
  max: number;
  /** The mean of the points that are drawn. */
  avg: number;
}

/** Of a line in a window; least and greatest are those of its buckets where it has some. Nothing without a value. */
export function statisticsOf(line: Columns, { from, to }: TimeWindow): Statistics | undefined {
  const { values, lows, highs, hasBand } = line;
  const end = Math.min(line.end, line.lastBy(to) + 1);
  let last = Number.NaN;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let count = 0;
  for (let at = line.placeOf(from); at < end; at += 1) {
    const value = values[at] as number;
    if (Number.isNaN(value)) continue;
    last = value;
    sum += value;
    count += 1;
    const low = hasBand && !Number.isNaN(lows[at] as number) ? (lows[at] as number) : value;
    const high = hasBand && !Number.isNaN(highs[at] as number) ? (highs[at] as number) : value;
    if (low < min) min = low;
    if (high > max) max = high;
  }
  return count === 0 ? undefined : { last, min, max, avg: sum / count };
}
