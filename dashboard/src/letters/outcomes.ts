/** What became of letters that were sent again. */
import type { LetterState } from './documents';
import type { Page, Pages } from './redrive';

export type Outcome = 'stored' | 'failed';

const ROUNDS_MS = [250, 500, 1_000, 1_000, 2_000, 2_000, 4_000, 4_000, 8_000, 8_000, 15_000, 15_000];
/** So many pages of the newest letters are looked through in one round. */
const PAGES = 40;

/** Undefined while it is on its way. */
export function outcomeOf(letter: LetterState, attemptsBefore: number): Outcome | undefined {
  if (letter.resolvedAt) return 'stored';
  return letter.attempts > attemptsBefore ? 'failed' : undefined;
}

/**
 * Looks until each letter of `sent` is stored or has failed again, and tells of what it has found
 * after each round that found something. Gives up on the rest after a minute.
 */
export async function follow(
  sent: ReadonlyMap<string, number>,
  pages: Pages,
  tell: (outcomes: ReadonlyMap<string, Outcome>) => void,
  wait: (ms: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const outcomes = new Map<string, Outcome>();
  for (const pause of ROUNDS_MS) {
    if (outcomes.size === sent.size) return;
    await wait(pause);
    if (signal.aborted) return;
    const before = outcomes.size;
    await round(sent, pages, outcomes);
    if (outcomes.size > before) tell(new Map(outcomes));
  }
}

async function round(sent: ReadonlyMap<string, number>, pages: Pages, outcomes: Map<string, Outcome>): Promise<void> {
  let unseen = sent.size - outcomes.size;
  let after: string | null = null;
  for (let page = 0; page < PAGES && unseen > 0; page += 1) {
    const { nodes, pageInfo }: Page = await pages(after);
    for (const letter of nodes) {
      const attempts = sent.get(letter.id);
      if (attempts === undefined || outcomes.has(letter.id)) continue;
      unseen -= 1;
      const outcome = outcomeOf(letter, attempts);
      if (outcome) outcomes.set(letter.id, outcome);
    }
    if (!pageInfo.hasNextPage || !pageInfo.endCursor) break;
    after = pageInfo.endCursor;
  }
}

export function tally(outcomes: ReadonlyMap<string, Outcome>): Record<Outcome, number> {
  const counts = { stored: 0, failed: 0 };
  for (const outcome of outcomes.values()) counts[outcome] += 1;
  return counts;
}
