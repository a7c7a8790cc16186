import { type Store, store } from '@/api/store';
import type { Gestures } from '@/charts/gestures';
import type { TimeWindow } from '@/charts/model';
import { isSameView, pause, spanOf, stillView, type View } from './view';

/** Steps of one gesture, such as a pinch, are one way back. */
const ONE_GESTURE_MS = 700;
const PAST_MAX = 50;

/** The time that all panels show, and the way back. */
export class Views implements Gestures {
  readonly current: Store<View>;
  readonly #now: () => number;
  readonly #past: View[] = [];
  #lastShow = Number.NEGATIVE_INFINITY;
  #lastSpan: number;

  constructor(view: View, now: () => number = Date.now) {
    this.current = store(view);
    this.#now = now;
    this.#lastSpan = spanOf(view);
  }

  set(view: View): void {
    const before = this.current.get();
    if (isSameView(before, view)) return;
    this.#past.push(before);
    if (this.#past.length > PAST_MAX) this.#past.shift();
    if (view.kind === 'live') this.#lastSpan = view.span;
    this.current.set(view);
  }

  /** By a gesture: the window stands still where it was brought to. */
  show(window: TimeWindow): void {
    const isSameGesture = this.#now() - this.#lastShow < ONE_GESTURE_MS;
    this.#lastShow = this.#now();
    if (isSameGesture) this.current.set(stillView(window));
    else this.set(stillView(window));
  }

  back(): void {
    const before = this.#past.pop();
    if (before) this.current.set(before);
  }

  /** The last span that was live, ending now. */
  live(): void {
    this.set({ kind: 'live', span: this.#lastSpan });
  }

  pause(): void {
    this.set(pause(this.current.get(), this.#now()));
  }
}
