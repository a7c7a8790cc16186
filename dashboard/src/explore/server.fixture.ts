import { ApiError } from '@/api/errors';
import type { Connection } from '@/api/live';
import { store } from '@/api/store';
import type { History, Update } from './picture';
import type { Plan } from './plan';
import type { Span } from './rows';
import type { Selector } from './selector';
import type { KnownSeries, LiveSink, Server } from './server';

interface Subscription {
  kind: 'points' | 'windows';
  selector: Selector;
  sink: LiveSink;
  stopped: boolean;
}

/** A server that answers what a test tells it to, and notes what it was asked. */
export class FakeServer implements Server {
  readonly connection = store<Connection>('live');
  readonly asked: { plan: Plan; span: Span; selector: Selector; signal: AbortSignal }[] = [];
  readonly subscriptions: Subscription[] = [];
  known: KnownSeries[] = [{ key: 'a', labels: [] }];
  count = 10;
  /** No ranks: the question is too large. */
  ranked: Map<string, number> | undefined;
  stored: Update[] = [];
  newestTime: number | undefined;
  /** Held back until it is called. */
  release: (() => void) | undefined;
  trouble: Error | undefined;
  time = 1_000_000;

  now = () => this.time;
  series = async (_selector: Selector): Promise<KnownSeries[]> => this.known;
  newest = async () => this.newestTime;
  counts = async () => new Map(this.known.map(({ key }) => [key, this.count]));

  async ranks(): Promise<Map<string, number>> {
    if (!this.ranked) throw new ApiError('too many rows', 'TOO_MANY_ROWS');
    return this.ranked;
  }

  /** What is committed when it is asked. */
  async history(selector: Selector, plan: Plan, span: Span, signal: AbortSignal): Promise<History[]> {
    this.asked.push({ plan, span, selector, signal });
    if (this.trouble) throw this.trouble;
    const inSpan = this.stored.filter(({ time }) => time >= span.from && time < span.to);
    const answer = [...new Set(inSpan.map(({ key }) => key))].map((key) => {
      const its = inSpan.filter((point) => point.key === key);
      return { key, points: { times: its.map(({ time }) => time), values: its.map(({ value }) => value) } };
    });
    if (this.release) {
      await new Promise<void>((resolve) => {
        this.release = resolve;
      });
    }
    return answer;
  }

  points = (selector: Selector, sink: LiveSink) => this.#subscribe('points', selector, sink);
  windows = (selector: Selector, _plan: Plan, sink: LiveSink) => this.#subscribe('windows', selector, sink);

  get open(): Subscription[] {
    return this.subscriptions.filter(({ stopped }) => !stopped);
  }

  send(updates: Update[] = [], conflated = 0): void {
    for (const { sink } of this.open) sink.next(updates, conflated);
  }

  #subscribe(kind: 'points' | 'windows', selector: Selector, sink: LiveSink) {
    const subscription = { kind, selector, sink, stopped: false };
    this.subscriptions.push(subscription);
    // The first message is empty.
    queueMicrotask(() => sink.next([], 0));
    return () => {
      subscription.stopped = true;
    };
  }
}
