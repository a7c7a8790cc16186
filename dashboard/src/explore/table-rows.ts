import type { DrawnLine, TimeWindow } from '@/charts/model';

/** Places of points, in the order of their times. */
export interface TableRows {
  length: number;
  lineOf(row: number): DrawnLine;
  placeOf(row: number): number;
}

/** The points of all lines in a window by time; of equal times in the order of the lines. */
export function tableRows(lines: readonly DrawnLine[], { from, to }: TimeWindow, newestFirst: boolean): TableRows {
  const spans = lines.map(({ line }) => ({ start: line.placeOf(from), end: line.placeOf(to) }));
  const length = spans.reduce((sum, { start, end }) => sum + end - start, 0);
  const times = new Float64Array(length);
  const lineAt = new Uint8Array(length);
  const placeAt = new Uint32Array(length);
  let row = 0;
  spans.forEach(({ start, end }, at) => {
    for (let place = start; place < end; place += 1, row += 1) {
      times[row] = lines[at]?.line.times[place] as number;
      lineAt[row] = at;
      placeAt[row] = place;
    }
  });
  const order = Uint32Array.from({ length }, (_, at) => at).sort(
    (a, b) => (times[a] as number) - (times[b] as number) || a - b,
  );
  if (newestFirst) order.reverse();
  return {
    length,
    lineOf: (at) => lines[lineAt[order[at] as number] as number] as DrawnLine,
    placeOf: (at) => placeAt[order[at] as number] as number,
  };
}
