/** What draws itself when it is told to. */
export interface Drawable {
  /** Whether a drawing now would show something else than the last one. */
  due(now: number): boolean;
  draw(now: number): void;
  /** Whether it will be due by itself as time goes on. */
  moves(): boolean;
}

export interface FrameClock {
  request(callback: () => void): number;
  cancel(id: number): void;
  /** Milliseconds, of any beginning. */
  work(): number;
  /** Milliseconds since 1970. */
  now(): number;
  /** Nobody sees what is drawn. */
  hidden(): boolean;
}

/** Of a second, what all drawings together may take: one chart may be smooth, twenty share. */
const SHARE_OF_FEW = 0.45;
const SHARE_OF_MANY = 0.16;
const FEW = 2;
/** What may be saved up. */
const SAVINGS_MS = 8;
const LONGEST_FRAME_MS = 100;

/**
 * One clock for all charts. In each frame those that are due are drawn in turn, until the time that
 * may be spent is spent; the others are first in the next frame.
 */
export class FrameScheduler {
  readonly #clock: FrameClock;
  readonly #waiting = new Set<Drawable>();
  #frame: number | undefined;
  #lastFrame = 0;
  #savings = SAVINGS_MS;

  constructor(clock: FrameClock) {
    this.#clock = clock;
  }

  /** Returns what takes it out again. */
  add(drawable: Drawable): () => void {
    this.#waiting.add(drawable);
    this.wake();
    return () => this.#waiting.delete(drawable);
  }

  /** Something has news. */
  wake(): void {
    if (this.#frame !== undefined || this.#waiting.size === 0 || this.#clock.hidden()) return;
    this.#lastFrame = this.#clock.work();
    this.#next();
  }

  sleep(): void {
    if (this.#frame === undefined) return;
    this.#clock.cancel(this.#frame);
    this.#frame = undefined;
  }

  #next(): void {
    this.#frame = this.#clock.request(() => {
      this.#frame = undefined;
      this.#run();
    });
  }

  #run(): void {
    const began = this.#clock.work();
    const now = this.#clock.now();
    const share = this.#waiting.size <= FEW ? SHARE_OF_FEW : SHARE_OF_MANY;
    const elapsed = Math.min(LONGEST_FRAME_MS, began - this.#lastFrame);
    this.#savings = Math.min(SAVINGS_MS, this.#savings + elapsed * share);
    this.#lastFrame = began;

    let more = false;
    // In the order of who waits longest; who is drawn goes to the end.
    for (const drawable of [...this.#waiting]) {
      more ||= drawable.moves();
      if (!drawable.due(now)) continue;
      if (this.#savings <= 0) {
        more = true;
        break;
      }
      const before = this.#clock.work();
      drawable.draw(now);
      this.#savings -= this.#clock.work() - before;
      if (this.#waiting.delete(drawable)) this.#waiting.add(drawable);
    }
    if (more && !this.#clock.hidden()) this.#next();
  }
}

/** The one of this page. */
let shared: FrameScheduler | undefined;

export function frames(): FrameScheduler {
  if (shared) return shared;
  const scheduler = new FrameScheduler({
    request: (callback) => requestAnimationFrame(callback),
    cancel: (id) => cancelAnimationFrame(id),
    work: () => performance.now(),
    now: () => Date.now(),
    hidden: () => document.hidden,
  });
  document.addEventListener('visibilitychange', () => (document.hidden ? scheduler.sleep() : scheduler.wake()));
  shared = scheduler;
  return scheduler;
}
