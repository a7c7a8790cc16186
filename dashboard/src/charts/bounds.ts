import type { Line } from './line';

export interface Bounds {
  low: number;
  high: number;
}

/** The least and the greatest value in a window, bands included; nothing when it is empty. */
export function extremes(lines: Iterable<Line>, from: number, to: number, withBand: boolean): Bounds | undefined {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const line of lines) {
    const stop = Math.min(line.end, line.placeOf(to) + 1);
    const start = Math.max(line.start, line.placeOf(from) - 1);
    const { values, lows, highs } = line;
    for (let at = start; at < stop; at += 1) {
      const value = values[at] as number;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (!withBand || !line.hasBand) continue;
    for (let at = start; at < stop; at += 1) {
      if ((lows[at] as number) < low) low = lows[at] as number;
      if ((highs[at] as number) > high) high = highs[at] as number;
    }
  }
  return low <= high ? { low, high } : undefined;
}

/**
 * Round bounds around what there is, in steps of a tenth or so, so that an axis stands still while
 * values come and go. What is fixed stays as it is.
 */
export function roundBounds(found: Bounds | undefined, fixedLow?: number, fixedHigh?: number): Bounds {
  let { low, high } = found ?? { low: fixedLow ?? 0, high: fixedHigh ?? (fixedLow ?? 0) + 1 };
  low = fixedLow ?? low;
  high = fixedHigh ?? high;
  if (!(high > low)) {
    const room = Math.abs(low) * 0.1 || 1;
    if (fixedHigh === undefined) high = low + room;
    if (fixedLow === undefined) low -= room;
    // Both fixed the wrong way round, or to the same.
    if (!(high > low)) high = low + room;
    return { low, high };
  }
  const range = high - low;
  const unit = 10 ** Math.floor(Math.log10(range)) / 5;
  const margin = range * 0.04;
  // All on one side of zero and near it: the axis begins there.
  const down = low >= 0 && low - margin < 0 ? 0 : Math.floor((low - margin) / unit) * unit;
  const up = high <= 0 && high + margin > 0 ? 0 : Math.ceil((high + margin) / unit) * unit;
  return { low: fixedLow ?? down, high: fixedHigh ?? up };
}
