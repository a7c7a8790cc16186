import { type Store, store } from '@/api/store';
import type { DrawnLine, Pointer } from '@/charts/model';
import { TimeChart } from '@/charts/time-chart';
import type { Unit } from '@/ui/units';
import type { Panel } from './dashboard';
import { Feed } from './feed';
import { unitOf } from './panel-unit';
import { type Server, server } from './server';
import { windowOf } from './view';
import type { Views } from './views';

/** One panel outside React: its data, its canvas and what stands beside it. */
export class PanelController {
  readonly feed: Feed;
  readonly views: Views;
  readonly lines: Store<readonly DrawnLine[]> = store<readonly DrawnLine[]>([]);
  /** Where the pointer is, on this chart or another. */
  readonly cursor: Store<number | undefined> = store<number | undefined>(undefined);
  /** Where it is on this chart. */
  readonly pointer: Store<Pointer | undefined> = store<Pointer | undefined>(undefined);
  readonly unit: Store<Unit>;
  /** The keys of lines that are not drawn for now. */
  readonly hidden: Store<ReadonlySet<string>> = store<ReadonlySet<string>>(new Set());
  #panel: Panel;
  #drawn: readonly DrawnLine[] = [];
  #chart: TimeChart | undefined;
  #element: HTMLElement | undefined;

  constructor(panel: Panel, views: Views, from: Server = server) {
    this.#panel = panel;
    this.unit = store(unitOf(panel));
    this.views = views;
    this.feed = new Feed(from, panel, () => this.#changed());
  }

  get panel(): Panel {
    return this.#panel;
  }

  /** The lines that are drawn. */
  get drawn(): readonly DrawnLine[] {
    return this.#drawn;
  }

  /** The width of the buckets, if the points are some. */
  get step(): number | undefined {
    const { plan } = this.feed.picture;
    return plan.kind === 'buckets' ? plan.step : undefined;
  }

  get isSeen(): boolean {
    return this.#chart?.isSeen ?? false;
  }

  /** Of the chart, in CSS pixels. */
  get width(): number {
    return this.#element?.clientWidth ?? 0;
  }

  get shown() {
    return this.#chart?.shown ?? windowOf(this.views.current.get(), Date.now());
  }

  mount(element: HTMLElement): () => void {
    const source = {
      window: (now: number) => windowOf(this.views.current.get(), now),
      moves: () => this.views.current.get().kind === 'live',
      lines: () => this.#drawn,
      step: () => this.step,
      look: () => this.#panel,
      unit: () => this.unit.get(),
      onCursor: (time?: number) => this.cursor.set(time),
      onPointer: (pointer?: Pointer) => this.pointer.set(pointer),
    };
    const chart = new TimeChart(element, source, this.views);
    this.#chart = chart;
    this.#element = element;
    const show = () => {
      chart.invalidate();
      this.feed.show(this.views.current.get(), element.clientWidth);
    };
    show();
    const unwatch = this.views.current.subscribe(show);
    return () => {
      unwatch();
      chart.destroy();
      this.#chart = undefined;
    };
  }

  update(panel: Panel): void {
    const { selector, method, step, group, fill, band } = this.#panel;
    const before = JSON.stringify({ selector, method, step, group, fill, band });
    this.#panel = panel;
    this.unit.set(unitOf(panel));
    const after = JSON.stringify({
      selector: panel.selector,
      method: panel.method,
      step: panel.step,
      group: panel.group,
      fill: panel.fill,
      band: panel.band,
    });
    if (before !== after) this.feed.ask(panel);
    this.#chart?.restyle();
  }

  /** Draws a line no more, or again. */
  toggle(key: string): void {
    const hidden = new Set(this.hidden.get());
    if (!hidden.delete(key)) hidden.add(key);
    this.hidden.set(hidden);
    this.#choose();
    this.#chart?.invalidate();
  }

  stop(): void {
    this.feed.stop();
  }

  #changed(): void {
    const { lines } = this.feed.picture;
    const shown = this.lines.get();
    if (lines.length !== shown.length || lines[0] !== shown[0]) {
      this.lines.set([...lines]);
      this.#choose();
    }
    this.#chart?.invalidate();
  }

  #choose(): void {
    this.#drawn = this.lines.get().filter(({ key }) => !this.hidden.get().has(key));
  }
}
