import { describe, expect, it } from 'vitest';
import type { LetterState, Receipt } from './documents';
import { follow, type Outcome, tally } from './outcomes';
import { only, type Pages, PORTION, type Progress, portions, redrive, skippedBy } from './redrive';

const letter = (id: number, rest: Partial<LetterState> = {}): LetterState => ({
  id: `${id}`,
  attempts: 1,
  resolvedAt: null,
  ...rest,
});
const letters = (count: number) => Array.from({ length: count }, (_, at) => letter(count - at));

/** Pages of 500, as the server gives them. */
const paged =
  (all: readonly LetterState[]): Pages =>
  async (after) => {
    const from = Number(after ?? 0);
    const hasNextPage = from + 500 < all.length;
    return { nodes: all.slice(from, from + 500), pageInfo: { hasNextPage, endCursor: `${from + 500}` } };
  };

const all = async (ids: string[]): Promise<Receipt> => ({ sent: ids, skipped: [] });
const never = new AbortController().signal;
const atOnce = async () => {};

describe('a redrive', () => {
  it('sends what many pages hold in portions that the server takes', async () => {
    const sizes = [];
    for await (const portion of portions(paged(letters(2_300)))) sizes.push(portion.length);
    expect(sizes).toEqual([PORTION, PORTION, 300]);
  });

  it('sends each letter once and tells how far it is', async () => {
    const told: Progress[] = [];
    const done = await redrive(paged(letters(1_200)), all, (progress) => told.push(progress), never);
    expect(told.map(({ sent }) => sent.size)).toEqual([1_000, 1_200]);
    expect(done.sent.size).toBe(1_200);
  });

  it('sends nothing where there is nothing', async () => {
    const send = () => Promise.reject(new Error('sent'));
    expect((await redrive(only([]), send, () => {}, never)).sent.size).toBe(0);
  });

  it('stops between two portions', async () => {
    const abort = new AbortController();
    const done = await redrive(paged(letters(3_000)), all, () => abort.abort(), abort.signal);
    expect(done.sent.size).toBe(1_000);
  });

  it('remembers what was sent before trouble came', async () => {
    let last: Progress | undefined;
    let calls = 0;
    const send = (ids: string[]) => (++calls === 1 ? all(ids) : Promise.reject(new Error('gone')));
    const run = redrive(
      paged(letters(1_500)),
      send,
      (progress) => {
        last = progress;
      },
      never,
    );
    await expect(run).rejects.toThrow('gone');
    expect(last?.sent.size).toBe(1_000);
  });

  it('tells skipped letters by why they were skipped', () => {
    const skip = (id: string, code: string) => ({ id, code, reason: `because ${code}` });
    expect(skippedBy([skip('1', 'B'), skip('2', 'A'), skip('3', 'A')])).toEqual([
      { code: 'A', reason: 'because A', ids: ['2', '3'] },
      { code: 'B', reason: 'because B', ids: ['1'] },
    ]);
  });
});

describe('following what was sent', () => {
  it('ends when each letter is stored or has failed again', async () => {
    const rounds = [
      [letter(3), letter(2), letter(1, { resolvedAt: 'now' })],
      [letter(3, { attempts: 2 }), letter(2), letter(1, { resolvedAt: 'now' })],
      [letter(3, { attempts: 2 }), letter(2, { resolvedAt: 'now' }), letter(1, { resolvedAt: 'now' })],
    ];
    let asked = 0;
    const pages: Pages = (after) => only(rounds[asked++] ?? [])(after);
    const told: ReadonlyMap<string, Outcome>[] = [];
    const sent = new Map([1, 2, 3].map((id) => [`${id}`, 1]));
    await follow(sent, pages, (outcomes) => told.push(outcomes), atOnce, never);
    expect(asked).toBe(3);
    expect(told.map(tally)).toEqual([
      { stored: 1, failed: 0 },
      { stored: 1, failed: 1 },
      { stored: 2, failed: 1 },
    ]);
  });

  it('looks no further than the last letter it waits for', async () => {
    let asked = 0;
    const pages = paged(letters(5_000).map((one) => ({ ...one, resolvedAt: 'now' })));
    const counted: Pages = (after) => {
      asked += 1;
      return pages(after);
    };
    await follow(new Map([['4400', 1]]), counted, () => {}, atOnce, never);
    expect(asked).toBe(2);
  });

  it('gives up on what never comes', async () => {
    let waited = 0;
    const wait = async (ms: number) => {
      waited += ms;
    };
    await follow(new Map([['1', 1]]), only([letter(1)]), () => expect.unreachable(), wait, never);
    expect(waited).toBeGreaterThan(30_000);
    expect(waited).toBeLessThan(90_000);
  });

  it('stops when it is told to', async () => {
    const pages = () => Promise.reject(new Error('asked'));
    await follow(new Map([['1', 1]]), pages, () => {}, atOnce, AbortSignal.abort());
  });
});
