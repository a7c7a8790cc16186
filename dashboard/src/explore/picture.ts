import { Columns, type Points } from '@/charts/columns';
import { Joins } from '@/charts/gaps';
import { LINES_MAX, lookOf } from '@/charts/look';
import type { DrawnLine } from '@/charts/model';
import type { Plan } from './plan';

/** One point or bucket that came live. */
export interface Update {
  key: string;
  time: number;
  value: number;
  low?: number;
  high?: number;
}

export interface History {
  key: string;
  points: Points;
}

/**
 * The lines of one plan, made of history and of what comes live.
 *
 * Exact, because a live message is sent after its commit: what came before history was asked for
 * is in the answer, in this state or a newer one; what came while it was on its way is put over it.
 */
export class Picture {
  readonly plan: Plan;
  readonly lines: DrawnLine[] = [];
  readonly #byKey = new Map<string, DrawnLine>();
  #isClosed = false;
  #journal: Update[] | undefined;

  /** The lines known beforehand keep their order, and so their looks; `isClosed`: there are no others. */
  constructor(plan: Plan, keys: readonly string[] = [], isClosed = false) {
    this.plan = plan;
    for (const key of keys) this.#lineOf(key);
    this.#isClosed = isClosed;
  }

  get isEmpty(): boolean {
    return this.lines.every(({ line }) => line.length === 0);
  }

  /** The number of points of the longest line. */
  get longest(): number {
    return Math.max(0, ...this.lines.map(({ line }) => line.length));
  }

  put(update: Update): void {
    this.#journal?.push(update);
    this.#write(update);
  }

  /** History is asked for from now on. */
  beginLoad(): void {
    this.#journal = [];
  }

  abandonLoad(): void {
    this.#journal = undefined;
  }

  /** What history has of the span; lines it does not name have nothing there. */
  finishLoad(from: number, to: number, answer: readonly History[]): void {
    for (const { key } of answer) this.#lineOf(key);
    const byKey = new Map(answer.map(({ key, points }) => [key, points]));
    for (const { key, line } of this.lines) line.replace(from, to, byKey.get(key) ?? { times: [], values: [] });
    const since = this.#journal ?? [];
    this.#journal = undefined;
    for (const update of since) this.#write(update);
  }

  trim(before: number): void {
    for (const { line } of this.lines) line.trim(before);
  }

  #write({ key, time, value, low, high }: Update): void {
    this.#lineOf(key)?.line.put(time, value, low, high);
  }

  #lineOf(key: string): DrawnLine | undefined {
    const known = this.#byKey.get(key);
    if (known || this.lines.length >= LINES_MAX || this.#isClosed) return known;
    const drawn = { key, line: new Columns(), joins: new Joins(), look: lookOf(this.lines.length) };
    this.#byKey.set(key, drawn);
    this.lines.push(drawn);
    return drawn;
  }
}
