/** The points of a moving span of time, by series. */
import type { LivePoint, PointBatch } from './client.js';

export interface Point {
  /** RFC 3339 in UTC with six digits, so that texts sort as times do. */
  readonly ts: string;
  readonly value: number;
}

export interface Series {
  readonly key: string;
  readonly metric: string;
  readonly labels: readonly { readonly name: string; readonly value: string }[];
  /** By time, the oldest first. */
  readonly points: readonly Point[];
}

interface Row {
  series: LivePoint['series'];
  points: Point[];
  /** As it was last given out. */
  shown?: Series;
}

export class SeriesWindow {
  readonly #rows = new Map<string, Row>();
  #newest = '';

  /** @param maxPoints of each series; the oldest ones go first */
  constructor(
    readonly spanMs: number,
    readonly maxPoints: number,
  ) {}

  clear(): void {
    this.#rows.clear();
    this.#newest = '';
  }

  add({ points }: PointBatch): void {
    for (const { series, ts, value } of points) {
      const row = this.#rows.get(series.key) ?? { series, points: [] };
      this.#rows.set(series.key, row);
      put(row.points, { ts, value });
      delete row.shown;
      if (ts > this.#newest) this.#newest = ts;
    }
  }

  /** By key. What did not change is the same object as before. */
  read(): Series[] {
    const from = this.#from();
    for (const [key, row] of this.#rows) {
      const { points } = row;
      const old = points.findIndex(({ ts }) => ts >= from);
      const excess = Math.max(old < 0 ? points.length : old, points.length - this.maxPoints);
      if (excess > 0) delete row.shown;
      points.splice(0, excess);
      if (points.length === 0) this.#rows.delete(key);
    }
    const rows = [...this.#rows.values()].sort((a, b) => (a.series.key < b.series.key ? -1 : 1));
    return rows.map((row) => {
      row.shown ??= { ...row.series, points: [...row.points] };
      return row.shown;
    });
  }

  /** By the clock, or by the newest point where that is behind: neither a wrong clock nor a point of the future empties it. */
  #from(): string {
    const end = Math.min(Date.now(), Date.parse(this.#newest));
    return Number.isNaN(end) ? '' : new Date(end - this.spanMs).toISOString().replace('Z', '000Z');
  }
}

/** A point with the time of another is a correction of it. */
function put(points: Point[], point: Point): void {
  let at = points.length;
  while (at > 0 && (points[at - 1]?.ts ?? '') > point.ts) at--;
  const isCorrection = points[at - 1]?.ts === point.ts;
  points.splice(isCorrection ? at - 1 : at, isCorrection ? 1 : 0, point);
}
