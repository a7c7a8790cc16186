import type { Sink } from 'graphql-ws';
import { beforeEach, expect, test, vi } from 'vitest';

const again = vi.hoisted(() => vi.fn<() => Promise<boolean>>());
vi.mock('./auth', () => ({ letInAgain: again, onTurn: vi.fn() }));
vi.mock('streamsync-resume', () => ({ resumable: vi.fn() }));
const { patient } = await import('./live');

const turns = () => new Promise((resolve) => setTimeout(resolve));
const ENDED = { code: 4401 };

/** A client whose subscriptions are played by the test. */
function stage() {
  const sinks: Sink[] = [];
  const stopped: number[] = [];
  const subscribe = (_: unknown, sink: Sink) => {
    const at = sinks.push(sink as Sink) - 1;
    return () => void stopped.push(at);
  };
  const sink = { next: vi.fn(), error: vi.fn(), complete: vi.fn() };
  const stop = patient({ subscribe }).subscribe({ query: '' }, sink);
  return { sinks, stopped, sink, stop };
}

beforeEach(() => again.mockReset());

test('a subscription whose session has ended is begun again after the sign-in', async () => {
  again.mockResolvedValue(true);
  const { sinks, sink, stop, stopped } = stage();
  sinks[0]?.error(ENDED);
  await turns();
  sinks[1]?.next({ data: {} });
  expect([sinks.length, sink.next.mock.calls.length, sink.error.mock.calls.length]).toEqual([2, 1, 0]);
  stop();
  expect(stopped).toEqual([1]);
});

test('it ends where another one signs in', async () => {
  again.mockResolvedValue(false);
  const { sinks, sink } = stage();
  sinks[0]?.error(ENDED);
  await turns();
  expect([sinks.length, sink.error.mock.calls]).toEqual([1, [[ENDED]]]);
});

test('it is not begun again once it was left', async () => {
  let answer: (yes: boolean) => void = () => {};
  again.mockReturnValue(
    new Promise((resolve) => {
      answer = resolve;
    }),
  );
  const { sinks, stop } = stage();
  sinks[0]?.error({ code: 4403 });
  stop();
  answer(true);
  await turns();
  expect(sinks.length).toBe(1);
});

test('other errors are told at once', () => {
  const { sinks, sink } = stage();
  const problems = [{ message: 'no', extensions: { code: 'FORBIDDEN' } }];
  sinks[0]?.error(problems);
  expect(sink.error.mock.calls).toEqual([[problems]]);
  expect(again).not.toHaveBeenCalled();
});
