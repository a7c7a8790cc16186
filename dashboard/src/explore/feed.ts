import { ApiError } from '@/api/errors';
import { type Store, store } from '@/api/store';
import { LINES_MAX } from '@/charts/look';
import { Follower, type Subject } from './follower';
import { Picture } from './picture';
import { hasOutgrown, needsCounts, planFor, type Wish } from './plan';
import { Ranking } from './ranking';
import { type Span, wholeBuckets } from './rows';
import { isBlank, narrowed, type Selector } from './selector';
import type { Server } from './server';
import { spanOf, type View, windowOf } from './view';

export interface Question extends Wish {
  selector: Selector;
}

export type FeedState =
  | { kind: 'loading' | 'live' | 'paused' | 'reconnecting' }
  /** No series are chosen yet. */
  | { kind: 'blank' }
  /** `newest`: when the newest point of these series was, if there is one; `missing`: what there is none of. */
  | { kind: 'empty'; newest?: number; missing?: 'metric' | 'series' }
  | { kind: 'error'; error: ApiError };

export interface FeedNews {
  state: FeedState;
  /** On its way, while the lines of before are still shown. */
  loading: boolean;
  /** More series match than are shown: those with the greatest values, or the first by name. */
  tooMany: false | 'greatest' | 'first';
  /** Points that came too fast, and are not loaded again yet. */
  leftOut: number;
}

/** So much of the window is loaded on each side of it, to be there when it moves. */
const MARGIN = 0.25;
const LIVE_MARGIN = 0.05;
const DEBOUNCE_MS = 180;
const RETRY_MS = 3_000;
const REPAIR_MS = 2_000;
const CARE_MS = 5_000;
/** What is that many spans old is let go. */
const AGE_MAX = 1.2;

/**
 * Keeps the lines of one panel: history, then live behind it, without a hole or a point twice.
 *
 * Order is all: first it follows what is live, then asks for history up to now, and lays over it
 * what came meanwhile. Where something may be missing it asks for history again.
 */
export class Feed {
  readonly news: Store<FeedNews> = store<FeedNews>({
    state: { kind: 'loading' },
    loading: true,
    tooMany: false,
    leftOut: 0,
  });
  readonly #server: Server;
  readonly #ranking: Ranking;
  readonly #onChange: () => void;
  readonly #undo: (() => void)[] = [];
  #question: Question;
  #view: View | undefined;
  #width = 0;
  #shown: Picture | undefined;
  #follower: Follower | undefined;
  /** Takes the place of `#follower` once its history has come. */
  #candidate: Follower | undefined;
  #loading: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #repair: ReturnType<typeof setTimeout> | undefined;

  /** `onChange`: there is something else to draw. */
  constructor(server: Server, question: Question, onChange: () => void) {
    this.#server = server;
    this.#ranking = new Ranking(server);
    this.#question = question;
    this.#onChange = onChange;
    const care = setInterval(() => this.#care(), CARE_MS);
    this.#undo.push(
      () => clearInterval(care),
      server.connection.subscribe(() => this.#connectionChanged()),
    );
  }

  get picture(): Picture {
    this.#shown ??= new Picture({ kind: 'points' });
    return this.#shown;
  }

  ask(question: Question): void {
    this.#question = question;
    this.#shown = undefined;
    this.#onChange();
    this.reload();
  }

  /** `width` is that of the chart in pixels. */
  show(view: View, width: number): void {
    const isFirst = this.#view === undefined;
    this.#view = view;
    this.#width = width;
    this.#loadAfter(isFirst ? 0 : DEBOUNCE_MS);
  }

  reload(): void {
    this.#loadAfter(0);
  }

  stop(): void {
    for (const undo of this.#undo) undo();
    clearTimeout(this.#timer);
    clearTimeout(this.#repair);
    this.#loading?.abort();
    this.#follower?.stop();
    this.#follower = undefined;
  }

  /** Whether its events are of concern. */
  #isOurs(follower: Follower): boolean {
    return follower === this.#follower || follower === this.#candidate;
  }

  #say(news: Partial<FeedNews>): void {
    this.news.set({ ...this.news.get(), ...news });
  }

  #loadAfter(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#load(), delay);
    this.#say({ loading: true });
  }

  async #load(): Promise<void> {
    const view = this.#view;
    if (!view) return;
    clearTimeout(this.#timer);
    clearTimeout(this.#repair);
    this.#repair = undefined;
    this.#loading?.abort();
    if (isBlank(this.#question.selector)) {
      this.#rest();
      return;
    }
    const loading = new AbortController();
    this.#loading = loading;
    this.#say({ loading: true, leftOut: 0, ...(this.#shown ? {} : { state: { kind: 'loading' } }) });
    try {
      await this.#loadFor(view, loading.signal);
    } catch (problem) {
      if (loading.signal.aborted) return;
      this.#candidate?.stop();
      this.#candidate = undefined;
      this.#fail(problem);
    } finally {
      if (this.#loading === loading) this.#loading = undefined;
    }
  }

  #rest(): void {
    this.#follower?.stop();
    this.#follower = undefined;
    this.#shown = undefined;
    this.#onChange();
    this.#say({ loading: false, tooMany: false, leftOut: 0, state: { kind: 'blank' } });
  }

  async #loadFor(view: View, signal: AbortSignal): Promise<void> {
    const { subject, tooMany } = await this.#subject(view, signal);
    const isLive = view.kind === 'live';
    const follower = isLive ? await this.#followerOf(subject, signal) : undefined;
    const picture = follower?.picture ?? new Picture(subject.plan, subject.keys, subject.isClosed);

    const span = wholeBuckets(subject.plan, this.#spanWithMargin(view));
    picture.beginLoad();
    const answer = await this.#server.history(subject.selector, subject.plan, span, signal);
    signal.throwIfAborted();
    if (follower?.end) throw follower.end;
    // Whatever lies before belongs to another window.
    picture.finishLoad(Number.NEGATIVE_INFINITY, isLive ? span.to : Number.POSITIVE_INFINITY, answer);

    if (this.#follower !== follower) this.#follower?.stop();
    this.#follower = follower;
    this.#candidate = undefined;
    this.#shown = picture;
    this.#onChange();
    this.#say({ loading: false, tooMany: tooMany || (answer.length > LINES_MAX && 'first') });
    await this.#settle(view, signal);
  }

  /** What is to be shown: which series, and how they are asked for. */
  async #subject(view: View, signal: AbortSignal): Promise<{ subject: Subject; tooMany: FeedNews['tooMany'] }> {
    const { selector: wished, group } = this.#question;
    const known = group ? [] : await this.#server.series(wished, LINES_MAX + 1, signal);
    const greatest = known.length > LINES_MAX && (await this.#ranking.greatest(this.#question, view, signal));
    const tooMany = known.length > LINES_MAX && (greatest ? 'greatest' : 'first');
    const chosen = greatest || known.slice(0, LINES_MAX);
    const keys = chosen.map(({ key }) => key);
    const selector = tooMany ? narrowed(wished, chosen) : wished;
    const counts = needsCounts(this.#question)
      ? await this.#server.counts(selector, windowOf(view, this.#server.now()), signal)
      : undefined;
    const plan = planFor(
      this.#question,
      spanOf(view),
      this.#width,
      keys.map((key) => counts?.get(key) ?? 0),
    );
    return { subject: { selector, plan, keys, isClosed: tooMany !== false }, tooMany };
  }

  /** The one there is, if it follows the same; it is exact from before history is asked for. */
  async #followerOf(subject: Subject, signal: AbortSignal): Promise<Follower> {
    const current = this.#follower;
    if (current && !current.end && isSame(current.subject, subject)) return current;
    const follower = new Follower(this.#server, subject, {
      onNews: (conflated) => this.#follower === follower && this.#received(conflated),
      onHole: () => this.#isOurs(follower) && this.reload(),
      onDue: () => this.#follower === follower && !this.#loading && this.reload(),
      onEnd: (error) => this.#follower === follower && this.#fail(error),
    });
    this.#candidate = follower;
    // Who gives up this load gives up what it began to follow.
    signal.addEventListener('abort', () => this.#follower !== follower && follower.stop(), { once: true });
    await follower.begun;
    signal.throwIfAborted();
    if (follower.end) throw follower.end;
    return follower;
  }

  #spanWithMargin(view: View): Span {
    const { from, to } = windowOf(view, this.#server.now());
    const length = to - from;
    if (view.kind === 'live') return { from: from - length * LIVE_MARGIN, to };
    return { from: from - length * MARGIN, to: to + length * MARGIN };
  }

  #received(conflated: number): void {
    this.#onChange();
    const { state, leftOut } = this.news.get();
    if (state.kind === 'reconnecting' || state.kind === 'empty') this.#say({ state: { kind: 'live' } });
    if (conflated === 0) return;
    this.#say({ leftOut: leftOut + conflated });
    // They are in history, which is asked for once things are calmer.
    this.#repair ??= setTimeout(() => void this.#load(), REPAIR_MS);
  }

  #connectionChanged(): void {
    if (this.#server.connection.get() !== 'reconnecting') return;
    this.#follower?.connectionBroke();
    this.#candidate?.connectionBroke();
    if (this.#follower) this.#say({ state: { kind: 'reconnecting' } });
  }

  async #settle(view: View, signal: AbortSignal): Promise<void> {
    const isBroken = this.#follower && this.#server.connection.get() === 'reconnecting';
    if (isBroken) this.#say({ state: { kind: 'reconnecting' } });
    else if (!this.picture.isEmpty) {
      this.#say({ state: { kind: view.kind === 'live' ? 'live' : 'paused' } });
    } else {
      this.#say({ state: { kind: 'empty' } });
      const why = await this.#whyEmpty(signal);
      if (this.picture.isEmpty) this.#say({ state: { kind: 'empty', ...why } });
    }
  }

  async #whyEmpty(signal: AbortSignal): Promise<{ newest?: number; missing?: 'metric' | 'series' }> {
    const { selector } = this.#question;
    const newest = await this.#server.newest(selector, signal);
    if (newest !== undefined) return { newest };
    const hasSeries = async (of: Selector) => (await this.#server.series(of, 1, signal)).length > 0;
    if (await hasSeries(selector)) return {};
    const hasMetric = selector.metric === '' || (await hasSeries({ ...selector, matchers: [] }));
    return { missing: hasMetric ? 'series' : 'metric' };
  }

  #fail(problem: unknown): void {
    const error = problem instanceof ApiError ? problem : new ApiError(String(problem), 'UNKNOWN');
    this.#say({ loading: false, state: { kind: 'error', error } });
    if (error.passes) this.#timer = setTimeout(() => void this.#load(), RETRY_MS);
  }

  /** Now and then: lets go of what has left the window, and changes to buckets once points are many. */
  #care(): void {
    if (this.#view?.kind !== 'live' || !this.#follower) return;
    this.picture.trim(this.#server.now() - this.#view.span * AGE_MAX);
    const { plan, longest } = this.picture;
    if (!this.#loading && hasOutgrown(plan, this.#question, longest, this.#width)) void this.#load();
  }
}

const isSame = (a: Subject, b: Subject): boolean => JSON.stringify(a) === JSON.stringify(b);
