import { describe, expect, test } from 'vitest';
import { type Drawable, type FrameClock, FrameScheduler } from './scheduler';

const FRAME_MS = 1_000 / 60;

/** Frames come when the test says so; drawing costs what it is told to. */
function fakeClock() {
  let time = 0;
  let pending: (() => void) | undefined;
  const clock: FrameClock & { hide: boolean } = {
    hide: false,
    request(callback) {
      pending = callback;
      return 1;
    },
    cancel() {
      pending = undefined;
    },
    work: () => time,
    now: () => time,
    hidden: () => clock.hide,
  };
  return {
    clock,
    spend: (ms: number) => {
      time += ms;
    },
    isWaiting: () => pending !== undefined,
    frame() {
      time += FRAME_MS;
      const callback = pending;
      pending = undefined;
      callback?.();
    },
  };
}

interface Habits {
  moves?: boolean;
  due?: () => boolean;
}

/** Always has news, unless told otherwise. */
function chart(draw: () => void, { moves = true, due = () => true }: Habits = {}): Drawable & { drawn: number } {
  const drawable = {
    drawn: 0,
    due,
    moves: () => moves,
    draw() {
      drawable.drawn += 1;
      draw();
    },
  };
  return drawable;
}

describe('the scheduler', () => {
  test('draws one chart in every frame, also a heavy one', () => {
    const { clock, spend, frame } = fakeClock();
    const scheduler = new FrameScheduler(clock);
    const heavy = chart(() => spend(7));
    scheduler.add(heavy);
    for (let at = 0; at < 60; at += 1) frame();
    expect(heavy.drawn).toBeGreaterThanOrEqual(58);
  });

  test('keeps twenty charts within 300 ms of a second, each in its turn', () => {
    const { clock, spend, frame } = fakeClock();
    const scheduler = new FrameScheduler(clock);
    let spent = 0;
    const all = Array.from({ length: 20 }, () =>
      chart(() => {
        spent += 2;
        spend(2);
      }),
    );
    for (const each of all) scheduler.add(each);
    const began = clock.work();
    while (clock.work() - began < 2_000) frame();
    expect(spent).toBeLessThanOrEqual(600);
    const counts = all.map(({ drawn }) => drawn);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  test('does not spend what is left to it on charts without news', () => {
    const { clock, frame } = fakeClock();
    const scheduler = new FrameScheduler(clock);
    const still = chart(() => {}, { due: () => false });
    scheduler.add(still);
    for (let at = 0; at < 10; at += 1) frame();
    expect(still.drawn).toBe(0);
  });

  test('rests when nothing moves, until there is news', () => {
    const { clock, isWaiting, frame } = fakeClock();
    const scheduler = new FrameScheduler(clock);
    let news = true;
    const paused = chart(
      () => {
        news = false;
      },
      { moves: false, due: () => news },
    );
    scheduler.add(paused);
    frame();
    expect([paused.drawn, isWaiting()]).toEqual([1, false]);
    news = true;
    scheduler.wake();
    frame();
    expect([paused.drawn, isWaiting()]).toEqual([2, false]);
  });

  test('draws nothing while nobody looks', () => {
    const { clock, isWaiting } = fakeClock();
    clock.hide = true;
    const scheduler = new FrameScheduler(clock);
    scheduler.add(chart(() => {}));
    expect(isWaiting()).toBe(false);
  });

  test('forgets who leaves, even while it is drawn', () => {
    const { clock, frame } = fakeClock();
    const scheduler = new FrameScheduler(clock);
    let leave = () => {};
    const gone = chart(() => leave());
    const removed = scheduler.add(gone);
    leave = removed;
    for (let at = 0; at < 5; at += 1) frame();
    expect(gone.drawn).toBe(1);
  });
});
