import { ApiError } from '@/api/errors';
import { type Store, store } from '@/api/store';
import { LINES_MAX } from '@/charts/look';
import { Picture } from './picture';
import { followingOf, hasOutgrown, isSamePlan, needsCounts, type Plan, planFor, type Wish } from './plan';
import { type Span, wholeBuckets } from './rows';
import { narrowed, type Selector } from './selector';
import type { Server } from './server';
import { spanOf, type View, windowOf } from './view';

export interface Question extends Wish {
  selector: Selector;
}

export type FeedState =
  | { kind: 'loading' }
  | { kind: 'live' | 'paused' | 'reconnecting' }
  /** `newest`: when the newest point of these series was, if there is one. */
  | { kind: 'empty'; newest?: number }
  | { kind: 'error'; error: ApiError };

export interface FeedNews {
  state: FeedState;
  /** On its way, while the lines of before are still shown. */
  loading: boolean;
  /** More series match than are shown. */
  tooMany: boolean;
  /** Points that came too fast, and are not loaded again yet. */
  leftOut: number;
}

const MARGIN = 0.25;
const DEBOUNCE_MS = 180;
const CARE_MS = 5_000;
const RETRY_MS = 3_000;
const FIRST_MESSAGE_MS = 2_000;
const REPAIR_MS = 2_000;
const AGING = 1.2;

/**
 * Keeps the lines of one panel: history, then live behind it, without a hole or a point twice.
 *
 * Order is all: first it follows what is live, then asks for history up to now, and lays over it
 * what came meanwhile. Over broken connections points go on behind their cursor; windows have none,
 * so that history is asked for again, once they are followed again.
 */
export class Feed {
  readonly news: Store<FeedNews>;
  readonly #server: Server;
  readonly #onChange: () => void;
  #question: Question;
  #view: View = { kind: 'live', span: 900_000 };
  #width = 800;
  #shown = new Picture({ kind: 'points' });
  #hasShown = false;
  /** What keeps `#shown` up, and which plan it follows. */
  #following: { picture: Picture; selector: Selector; stop: () => void } | undefined;
  #loading: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #mustReload = false;
  #conflatedAgain = false;
  readonly #undo: (() => void)[] = [];

  constructor(server: Server, question: Question, onChange: () => void) {
    this.#server = server;
    this.#question = question;
    this.#onChange = onChange;
    this.news = store<FeedNews>({ state: { kind: 'loading' }, loading: true, tooMany: false, leftOut: 0 });
    const care = setInterval(() => this.#care(), CARE_MS);
    this.#undo.push(
      () => clearInterval(care),
      server.connection.subscribe(() => this.#connectionChanged()),
    );
  }

  get picture(): Picture {
    return this.#shown;
  }

  ask(question: Question): void {
    this.#question = question;
    this.#hasShown = false;
    this.#schedule(0);
  }

  /** `width` is that of the chart in pixels. */
  show(view: View, width: number): void {
    const isFirst = this.#loading === undefined && !this.#hasShown;
    this.#view = view;
    this.#width = width;
    this.#schedule(isFirst ? 0 : DEBOUNCE_MS);
  }

  reload(): void {
    this.#schedule(0);
  }

  stop(): void {
    for (const undo of this.#undo) undo();
    clearTimeout(this.#timer);
    this.#loading?.abort();
    this.#following?.stop();
    this.#following = undefined;
  }

  #say(news: Partial<FeedNews>): void {
    this.news.set({ ...this.news.get(), ...news });
  }

  #schedule(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#load(), delay);
    this.#say({ loading: true });
  }

  async #load(): Promise<void> {
    clearTimeout(this.#timer);
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    this.#say({ loading: true, ...(this.#hasShown ? {} : { state: { kind: 'loading' } as const }) });
    let picture: Picture | undefined;
    try {
      picture = await this.#loadPicture(loading.signal);
    } catch (problem) {
      picture?.abandonLoad();
      if (loading.signal.aborted) return;
      this.#fail(problem);
    } finally {
      if (this.#loading === loading) this.#loading = undefined;
    }
  }

  async #loadPicture(signal: AbortSignal): Promise<Picture> {
    const { selector: wished } = this.#question;
    const isLive = this.#view.kind === 'live';
    const isGrouped = this.#question.group !== undefined;
    const known = isGrouped ? [] : await this.#server.series(wished, LINES_MAX + 1, signal);
    const tooMany = known.length > LINES_MAX;
    const keys = known.slice(0, LINES_MAX).map(({ key }) => key);
    const selector = tooMany ? narrowed(wished, known.slice(0, LINES_MAX)) : wished;

    const plan = await this.#plan(selector, keys, signal);
    const picture = await this.#follow(isLive, selector, plan, keys, tooMany, signal);
    const span = wholeBuckets(plan, this.#spanWithMargin());
    picture.beginLoad();
    const answer = await this.#server.history(selector, plan, span, signal);
    signal.throwIfAborted();
    // What was before belongs to another window.
    picture.finishLoad(Number.NEGATIVE_INFINITY, isLive ? span.to : Number.POSITIVE_INFINITY, answer);
    this.#mustReload = false;
    this.#take(picture);
    const leftOut = this.#conflatedAgain ? this.news.get().leftOut : 0;
    this.#say({ loading: false, tooMany: tooMany || (isGrouped && answer.length > LINES_MAX), leftOut });
    if (leftOut > 0) this.#repairSoon();
    await this.#settle(wished, signal);
    return picture;
  }

  async #plan(selector: Selector, keys: readonly string[], signal: AbortSignal): Promise<Plan> {
    const span = spanOf(this.#view);
    if (!needsCounts(this.#question)) return planFor(this.#question, span, this.#width);
    const counts = await this.#server.counts(selector, windowOf(this.#view, this.#server.now()), signal);
    return planFor(
      this.#question,
      span,
      this.#width,
      keys.map((key) => counts.get(key) ?? 0),
    );
  }

  #spanWithMargin(): Span {
    const { from, to } = windowOf(this.#view, this.#server.now());
    const margin = (to - from) * MARGIN;
    return this.#view.kind === 'live' ? { from: from - margin / 5, to } : { from: from - margin, to: to + margin };
  }

  /** Follows what is live from before history is asked for, and says which picture gets both. */
  async #follow(
    isLive: boolean,
    selector: Selector,
    plan: Plan,
    keys: readonly string[],
    isClosed: boolean,
    signal: AbortSignal,
  ): Promise<Picture> {
    const current = this.#following;
    if (isLive && current && isSamePlan(current.picture.plan, plan) && isSame(current.selector, selector)) {
      return current.picture;
    }
    const picture = new Picture(plan, keys, isClosed);
    if (!isLive) return picture;
    const { stop, first } = this.#subscribe(picture, selector, plan);
    // Whoever gives up this load gives up what it began to follow.
    signal.addEventListener('abort', () => this.#following?.picture !== picture && stop(), { once: true });
    this.#candidate = { picture, selector, stop };
    await first;
    signal.throwIfAborted();
    return picture;
  }

  #candidate: { picture: Picture; selector: Selector; stop: () => void } | undefined;

  /** From now on this picture is the one. */
  #take(picture: Picture): void {
    if (this.#following?.picture !== picture) {
      this.#following?.stop();
      this.#following = this.#candidate?.picture === picture ? this.#candidate : undefined;
    }
    this.#candidate = undefined;
    this.#shown = picture;
    this.#hasShown = true;
    this.#onChange();
  }

  #subscribe(picture: Picture, selector: Selector, plan: Plan): { stop: () => void; first: Promise<void> } {
    if (plan.kind === 'buckets' && followingOf(plan) === 'asking') return this.#keepAsking(plan);
    let begun = () => {};
    const first = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const sink = {
      next: (updates: Parameters<Picture['put']>[0][], conflated: number) => {
        begun();
        for (const update of updates) picture.put(update);
        if (picture === this.#shown) this.#received(conflated, plan);
      },
      error: (error: ApiError) => {
        begun();
        if (this.#following?.picture === picture) this.#following = undefined;
        this.#fail(error);
      },
      gap: () => this.reload(),
    };
    const stop =
      plan.kind === 'buckets' ? this.#server.windows(selector, plan, sink) : this.#server.points(selector, sink);
    // Windows without a series have no first message.
    const patience = setTimeout(begun, plan.kind === 'buckets' ? FIRST_MESSAGE_MS : FIRST_MESSAGE_MS * 5);
    void first.then(() => clearTimeout(patience));
    return { stop, first };
  }

  /** What cannot be followed is asked for again and again. */
  #keepAsking({ step }: Plan & { kind: 'buckets' }): { stop: () => void; first: Promise<void> } {
    const again = setInterval(() => !this.#loading && void this.#load(), Math.min(60_000, Math.max(2_000, step / 2)));
    return { stop: () => clearInterval(again), first: Promise.resolve() };
  }

  #received(conflated: number, plan: Plan): void {
    this.#onChange();
    const { kind } = this.news.get().state;
    if (kind === 'reconnecting' || kind === 'empty') this.#say({ state: { kind: 'live' } });
    if (this.#mustReload && plan.kind === 'buckets') {
      this.#mustReload = false;
      this.reload();
    }
    if (conflated > 0) {
      this.#conflatedAgain = true;
      this.#say({ leftOut: this.news.get().leftOut + conflated });
      this.#repairSoon();
    }
  }

  /** Points that were folded into others are in history: it is asked for, once things are calmer. */
  #repairSoon(): void {
    if (this.#repair !== undefined) return;
    this.#repair = setTimeout(() => {
      this.#repair = undefined;
      this.#conflatedAgain = false;
      void this.#load();
    }, REPAIR_MS);
  }

  #repair: ReturnType<typeof setTimeout> | undefined;

  #connectionChanged(): void {
    if (!this.#following || this.#server.connection.get() !== 'reconnecting') return;
    this.#mustReload = true;
    this.#say({ state: { kind: 'reconnecting' } });
  }

  async #settle(selector: Selector, signal: AbortSignal): Promise<void> {
    if (this.#server.connection.get() === 'reconnecting' && this.#following) return;
    if (!this.#shown.isEmpty) {
      this.#say({ state: { kind: this.#view.kind === 'live' ? 'live' : 'paused' } });
      return;
    }
    this.#say({ state: { kind: 'empty' } });
    const newest = await this.#server.newest(selector, signal);
    if (newest !== undefined && this.news.get().state.kind === 'empty') this.#say({ state: { kind: 'empty', newest } });
  }

  #fail(problem: unknown): void {
    const error = problem instanceof ApiError ? problem : new ApiError(String(problem), 'UNKNOWN');
    this.#say({ loading: false, state: { kind: 'error', error } });
    if (!error.passes) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#load(), RETRY_MS);
  }

  /** Now and then: lets go of what has left the window, and changes to buckets when points have become many. */
  #care(): void {
    if (this.#view.kind !== 'live' || !this.#following) return;
    this.#shown.trim(this.#server.now() - this.#view.span * AGING);
    if (!this.#loading && hasOutgrown(this.#shown.plan, this.#question, this.#shown.longest, this.#width)) {
      void this.#load();
    }
  }
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
