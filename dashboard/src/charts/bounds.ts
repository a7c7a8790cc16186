import type { Columns } from './columns';

export interface Bounds {
  low: number;
  high: number;
}

const STILL_FITS = 0.7;

/** The least and the greatest value in a window, bands included; nothing when it is empty. */
export function extremes(lines: Iterable<Columns>, from: number, to: number, withBand: boolean): Bounds | undefined {
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

/** Round bounds around what there is. What is fixed stays as it is. */
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
  const unit = roundUp(range / 12);
  const margin = range * 0.04;
  // All on one side of zero and near it: the axis begins there.
  const down = low >= 0 && low - margin < 0 ? 0 : Math.floor((low - margin) / unit) * unit;
  const up = high <= 0 && high + margin > 0 ? 0 : Math.ceil((high + margin) / unit) * unit;
  return { low: fixedLow ?? down, high: fixedHigh ?? up };
}

/** To 1, 2 or 5 of some power of ten. */
function roundUp(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size));
  const factor = [1, 2, 5].find((factor) => factor * power >= size) ?? 10;
  return factor * power;
}

/** Bounds that are given up only when they are too narrow, or far too wide: axes that jump are hard to read. */
export function steadyBounds(before: Bounds, found: Bounds | undefined, fixedLow?: number, fixedHigh?: number): Bounds {
  const next = roundBounds(found, fixedLow, fixedHigh);
  if (fixedLow !== undefined && before.low !== next.low) return next;
  if (fixedHigh !== undefined && before.high !== next.high) return next;
  const holds = before.low <= next.low && next.high <= before.high;
  return holds && next.high - next.low > (before.high - before.low) * STILL_FITS ? before : next;
}
