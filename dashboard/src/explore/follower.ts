import type { ApiError } from '@/api/errors';
import { Picture, type Update } from './picture';
import { followingOf, type Plan } from './plan';
import type { Selector } from './selector';
import type { LiveSink, Server } from './server';

export interface Subject {
  selector: Selector;
  plan: Plan;
  /** The lines known beforehand. */
  keys: readonly string[];
  /** There may be no others. */
  isClosed: boolean;
}

export interface FollowerEvents {
  /** Something came; `conflated`: so many points were left out before it. */
  onNews(conflated: number): void;
  /** History has to be asked for again: something may be missing. */
  onHole(): void;
  /** It is time to ask again. */
  onDue(): void;
  /** It has ended. */
  onEnd(error: ApiError): void;
}

/** Windows of no series have no first message. */
const PATIENCE_MS = 2_000;
const ASK_AGAIN_LEAST_MS = 2_000;
const ASK_AGAIN_MOST_MS = 60_000;

/** A picture that is kept up with what is live. */
export class Follower {
  readonly picture: Picture;
  readonly subject: Subject;
  /** Settled once whatever is committed from then on comes live, or nothing came for a while. */
  readonly begun: Promise<void>;
  readonly #events: FollowerEvents;
  readonly #stop: () => void;
  #settle: () => void = () => {};
  #hasBegun = false;
  /** History was asked for before the first message, or the connection broke since. */
  #isUnsure = false;
  #end: ApiError | undefined;

  constructor(server: Server, subject: Subject, events: FollowerEvents) {
    this.subject = subject;
    this.picture = new Picture(subject.plan, subject.keys, subject.isClosed);
    this.#events = events;
    this.begun = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#stop = this.#start(server);
  }

  /** Why it has ended, if it has. */
  get end(): ApiError | undefined {
    return this.#end;
  }

  stop(): void {
    this.#stop();
    this.#settle();
  }

  /** Points go on behind their cursor. Windows have none, so that some may have changed unseen. */
  connectionBroke(): void {
    if (followingOf(this.subject.plan) === 'aggregates') this.#isUnsure = true;
  }

  #start(server: Server): () => void {
    const { selector, plan } = this.subject;
    if (plan.kind === 'buckets' && followingOf(plan) === 'asking') return this.#keepAsking(plan.step);
    const sink: LiveSink = {
      next: (updates, conflated) => this.#receive(updates, conflated),
      error: (error) => this.#ended(error),
      gap: () => this.#events.onHole(),
    };
    const patience = setTimeout(() => this.#giveUpWaiting(), PATIENCE_MS);
    const stop = plan.kind === 'buckets' ? server.windows(selector, plan, sink) : server.points(selector, sink);
    return () => {
      clearTimeout(patience);
      stop();
    };
  }

  #receive(updates: readonly Update[], conflated: number): void {
    for (const update of updates) this.picture.put(update);
    this.#hasBegun = true;
    this.#settle();
    if (this.#isUnsure) {
      this.#isUnsure = false;
      this.#events.onHole();
    }
    this.#events.onNews(conflated);
  }

  #giveUpWaiting(): void {
    if (this.#hasBegun) return;
    this.#isUnsure = true;
    this.#settle();
  }

  #ended(error: ApiError): void {
    this.#end = error;
    this.#settle();
    this.#events.onEnd(error);
  }

  /** What cannot be followed is asked for again and again. */
  #keepAsking(step: number): () => void {
    this.#settle();
    const every = Math.min(ASK_AGAIN_MOST_MS, Math.max(ASK_AGAIN_LEAST_MS, step / 2));
    const timer = setInterval(() => this.#events.onDue(), every);
    return () => clearInterval(timer);
  }
}
