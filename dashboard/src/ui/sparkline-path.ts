/** The line of a sparkline, as an SVG path in whole units of its view box. */

export const WIDTH = 600;
export const HEIGHT = 64;
/** Room for the line's own thickness at the top and the bottom. */
const MARGIN = 3;

export interface Dot {
  /** Milliseconds. */
  at: number;
  /** Null where nothing was measured: the line breaks. */
  value: number | null;
}

export interface Frame {
  from: number;
  to: number;
  /** What stands at the upper edge; 0 stands at the lower one. */
  top: number;
  /** Over a longer pause in milliseconds the line breaks too. */
  pause: number;
}

export interface Paths {
  line: string;
  area: string;
}

export function sparklinePaths(dots: readonly Dot[], { from, to, top, pause }: Frame): Paths {
  const x = (at: number) => Math.round(((at - from) / (to - from)) * WIDTH);
  const y = (value: number) => Math.round(HEIGHT - MARGIN - (value / (top || 1)) * (HEIGHT - 2 * MARGIN));
  let line = '';
  let area = '';
  let run = '';
  let start = 0;
  let end = 0;
  const close = () => {
    if (!run) return;
    // A lone dot has no length, but round caps make it a dot.
    line += start === end ? `M${run}h0` : `M${run}`;
    area += `M${start} ${HEIGHT}L${run}L${end} ${HEIGHT}Z`;
    run = '';
  };
  let previous = Number.NEGATIVE_INFINITY;
  for (const { at, value } of dots) {
    if (value === null || at - previous > pause) close();
    previous = at;
    if (value === null || at < from) continue;
    end = x(at);
    if (run) run += `L${end} ${y(value)}`;
    else {
      start = end;
      run = `${end} ${y(value)}`;
    }
  }
  close();
  return { line, area };
}
