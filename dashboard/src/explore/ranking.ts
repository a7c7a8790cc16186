import { LINES_MAX } from '@/charts/look';
import { rankingOf, type Wish } from './plan';
import type { Selector } from './selector';
import { labelsOf } from './series-key';
import type { KnownSeries, Server } from './server';
import { type View, windowOf } from './view';

/** So long the choice stays, that lines do not come and go with each load. */
const KEPT_MS = 60_000;

/** Finds the series that are shown where more match: those with the greatest values. */
export class Ranking {
  readonly #server: Server;
  #last: { question: string; until: number; chosen: KnownSeries[] | undefined } | undefined;

  constructor(server: Server) {
    this.#server = server;
  }

  /** Nothing where there are too many to compare. */
  async greatest(
    wish: Wish & { selector: Selector },
    view: View,
    signal: AbortSignal,
  ): Promise<KnownSeries[] | undefined> {
    const by = rankingOf(wish);
    const now = this.#server.now();
    const question = JSON.stringify([wish.selector, by, view]);
    if (this.#last?.question === question && now < this.#last.until) return this.#last.chosen;
    const ranks = await this.#server.ranks(wish.selector, by, windowOf(view, now), signal).catch(() => undefined);
    signal.throwIfAborted();
    const chosen = ranks && greatestOf(ranks);
    this.#last = { question, until: now + KEPT_MS, chosen };
    return chosen;
  }
}

/** In the order of their values. */
function greatestOf(ranks: ReadonlyMap<string, number>): KnownSeries[] | undefined {
  const order = [...ranks].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, LINES_MAX);
  return order.length === 0 ? undefined : order.map(([key]) => ({ key, labels: labelsOf(key) }));
}
