/** Sending dead letters again: in portions, until told to stop. */
import type { LetterState, Receipt, Skipped } from './documents';

/** The most that the server takes at once. */
export const PORTION = 1_000;

export interface Progress {
  /** Ids, and how often each had been tried before. */
  sent: ReadonlyMap<string, number>;
  skipped: readonly Skipped[];
}

export const NOTHING: Progress = { sent: new Map(), skipped: [] };

export interface Page {
  nodes: readonly LetterState[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}
export type Pages = (after: string | null) => Promise<Page>;

/** What pages hold, as portions to send. */
export async function* portions(pages: Pages): AsyncGenerator<LetterState[]> {
  let held: LetterState[] = [];
  let after: string | null = null;
  for (;;) {
    const { nodes, pageInfo }: Page = await pages(after);
    held.push(...nodes);
    while (held.length >= PORTION) {
      yield held.slice(0, PORTION);
      held = held.slice(PORTION);
    }
    if (!pageInfo.hasNextPage || !pageInfo.endCursor) break;
    after = pageInfo.endCursor;
  }
  if (held.length > 0) yield held;
}

/** Those of a list, as one page. */
export const only =
  (letters: readonly LetterState[]): Pages =>
  async () => ({ nodes: letters, pageInfo: { hasNextPage: false } });

/**
 * Sends one portion after the other, and tells what is done after each. Between two of them it can
 * be stopped; what was sent stays sent.
 */
export async function redrive(
  pages: Pages,
  send: (ids: string[]) => Promise<Receipt>,
  tell: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Progress> {
  let progress = NOTHING;
  for await (const portion of portions(pages)) {
    if (signal.aborted) break;
    const attempts = new Map(portion.map((letter) => [letter.id, letter.attempts]));
    const receipt = await send([...attempts.keys()]);
    const sent = receipt.sent.map((id) => [id, attempts.get(id) ?? 0] as const);
    progress = { sent: new Map([...progress.sent, ...sent]), skipped: [...progress.skipped, ...receipt.skipped] };
    tell(progress);
  }
  return progress;
}

/** Skipped letters by why they were skipped, most first. */
export function skippedBy(skipped: readonly Skipped[]): { code: string; reason: string; ids: string[] }[] {
  const groups = new Map<string, { code: string; reason: string; ids: string[] }>();
  for (const { id, code, reason } of skipped) {
    const group = groups.get(code) ?? { code, reason, ids: [] };
    group.ids.push(id);
    groups.set(code, group);
  }
  return [...groups.values()].sort((a, b) => b.ids.length - a.ids.length);
}
