import type { Columns } from './columns';

/** What a path is drawn with: a canvas's context, or a test's notes. */
export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
}

/** From time and value to pixels of the device. */
export interface Projection {
  /** The time at the left border. */
  from: number;
  perTime: number;
  low: number;
  high: number;
  height: number;
}

export interface Span {
  from: number;
  to: number;
}

/**
 * Draws the part of a line in a span, and to the points next to it. Points of one column of pixels
 * become that column's extent, so the work for the canvas is bounded by its width, and every peak
 * stays.
 */
export function trace(pen: Pen, line: Columns, projection: Projection, span: Span, longestJoin: number): void {
  const { times, values, end } = line;
  const { from, perTime, low, high, height } = projection;
  const perValue = height / (high - low);
  const first = Math.max(line.start, line.placeOf(span.from) - 1);

  let previous = Number.NaN;
  // How many corners the run without a gap has so far.
  let corners = 0;
  // The column at hand: where it is, and the values that were met in it.
  let column = Number.NaN;
  let x = 0;
  let count = 0;
  let least = 0;
  let leastAt = 0;
  let most = 0;
  let mostAt = 0;
  let exit = 0;

  const flush = () => {
    if (count === 0) return;
    const isRising = leastAt > mostAt;
    const entry = count === 1 ? exit : isRising ? most : least;
    if (corners === 0) pen.moveTo(x, entry);
    else pen.lineTo(x, entry);
    if (count > 1) pen.lineTo(x, isRising ? least : most);
    corners += count;
    count = 0;
    column = Number.NaN;
  };
  const lift = () => {
    flush();
    // A point without neighbours would not be seen.
    if (corners === 1) pen.lineTo(x + 2, exit);
    corners = 0;
  };

  for (let at = first; at < end; at += 1) {
    const time = times[at] as number;
    const value = values[at] as number;
    if (Number.isNaN(value)) {
      lift();
      previous = Number.NaN;
      continue;
    }
    if (time - previous > longestJoin) lift();
    previous = time;
    const exact = (time - from) * perTime;
    const y = height - (value - low) * perValue;
    const its = Math.floor(exact);
    if (its === column) {
      count += 1;
      if (y < least) {
        least = y;
        leastAt = at;
      }
      if (y > most) {
        most = y;
        mostAt = at;
      }
    } else {
      flush();
      column = its;
      x = exact;
      count = 1;
      least = y;
      most = y;
      leastAt = at;
      mostAt = at;
    }
    exit = y;
    if (time > span.to) break;
  }
  lift();
}

/** Outlines what lies between the least and the greatest values: there above, back below. */
export function traceBand(pen: Pen, line: Columns, projection: Projection, span: Span, longestJoin: number): void {
  const { times, lows, highs, end } = line;
  if (!line.hasBand) return;
  const { from, perTime, low, high, height } = projection;
  const perValue = height / (high - low);
  const xOf = (at: number) => ((times[at] as number) - from) * perTime;
  const yOf = (value: number) => height - (value - low) * perValue;

  const outline = (start: number, stop: number) => {
    pen.moveTo(xOf(start), yOf(highs[start] as number));
    for (let at = start + 1; at < stop; at += 1) pen.lineTo(xOf(at), yOf(highs[at] as number));
    for (let at = stop - 1; at >= start; at -= 1) pen.lineTo(xOf(at), yOf(lows[at] as number));
  };
  let start = -1;
  for (let at = Math.max(line.start, line.placeOf(span.from) - 1); at <= end; at += 1) {
    const known = at < end && !Number.isNaN(lows[at] as number);
    const joined = start >= 0 && known && (times[at] as number) - (times[at - 1] as number) <= longestJoin;
    if (start >= 0 && !joined) {
      outline(start, at);
      start = -1;
    }
    if (!known) continue;
    if (start < 0) start = at;
    if ((times[at] as number) > span.to) {
      outline(start, at + 1);
      return;
    }
  }
}
