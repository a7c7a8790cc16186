import type { Columns } from '@/charts/columns';

/** The value of the point nearest to a moment, if one is near enough to be joined to it. */
export function valueAt(line: Columns, time: number, longest = Number.POSITIVE_INFINITY): number | undefined {
  const before = line.lastBy(time);
  const after = before < 0 ? line.start : before + 1;
  const distance = (place: number) =>
    place < line.start || place >= line.end ? Number.POSITIVE_INFINITY : Math.abs((line.times[place] as number) - time);
  const nearest = distance(before) <= distance(after) ? before : after;
  // Where there is no usual distance yet, any will do.
  if (distance(nearest) > longest || !Number.isFinite(distance(nearest))) return undefined;
  const value = line.values[nearest] as number;
  return Number.isNaN(value) ? undefined : value;
}
