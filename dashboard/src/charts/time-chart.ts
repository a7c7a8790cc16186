import uPlot from 'uplot';
import { onThemeChange } from '@/ui/theme';
import { type Bounds, extremes, roundBounds } from './bounds';
import type { Joins } from './gaps';
import { type Gestures, listen } from './gestures';
import type { Line } from './line';
import { type Ink, inkOf, type Look } from './look';
import { type Drawable, frames } from './scheduler';
import { timeLabels, timeSplits, valueLabels } from './ticks';
import { trace, traceBand } from './trace';

export interface DrawnLine {
  key: string;
  line: Line;
  joins: Joins;
  look: Look;
}

export interface TimeWindow {
  from: number;
  to: number;
}

/** What a chart shows; asked for with every drawing. */
export interface ChartSource {
  window(now: number): TimeWindow;
  /** Whether the window follows the clock. */
  moves(): boolean;
  lines(): readonly DrawnLine[];
  /** The width of the buckets, if the points are some. */
  step(): number | undefined;
  look(): { band: boolean; low?: number | undefined; high?: number | undefined; unit?: string | undefined };
  /** The pointer, here or over another chart, is at this time; it is gone when left out. */
  onCursor(time?: number): void;
  /** Something was drawn. */
  onDraw?(): void;
}

const FONT = '12px system-ui, sans-serif';
const SYNC = 'streamsync';
/** The axis of values grows in such steps, so that the lines do not wander with each digit. */
const AXIS_STEP = 16;

/** Lines on a canvas. uPlot has the axes, the crosshair and the selection; the lines are drawn from their own columns. */
export class TimeChart implements Drawable {
  readonly #source: ChartSource;
  readonly #plot: uPlot;
  readonly #element: HTMLElement;
  readonly #undo: (() => void)[] = [];
  #ink: Ink;
  #shown: TimeWindow = { from: 0, to: 1 };
  #bounds: Bounds = { low: 0, high: 1 };
  #news = true;
  #inView = true;

  constructor(element: HTMLElement, source: ChartSource, gestures: Gestures) {
    this.#element = element;
    this.#source = source;
    this.#ink = inkOf(element);
    this.#plot = new uPlot(this.#options(gestures), [[]], element);
    this.#undo.push(
      listen(this.#plot, element, gestures, () => this.#shown),
      onThemeChange(() => {
        this.#ink = inkOf(element);
        this.invalidate();
      }),
      frames().add(this),
      this.#watchView(),
      this.#watchSize(),
    );
  }

  destroy(): void {
    for (const undo of this.#undo) undo();
    this.#plot.destroy();
  }

  /** There is something new to show. */
  invalidate(): void {
    this.#news = true;
    if (this.#inView) frames().wake();
  }

  due(now: number): boolean {
    if (!this.#inView) return false;
    if (this.#news) return true;
    return this.#source.moves() && this.#snapped(now).to !== this.#shown.to;
  }

  moves(): boolean {
    return this.#inView && this.#source.moves();
  }

  draw(now: number): void {
    this.#news = false;
    this.#shown = this.#snapped(now);
    const { from, to } = this.#shown;
    const { band, low, high } = this.#source.look();
    const lines = this.#source.lines().map(({ line }) => line);
    this.#bounds = roundBounds(extremes(lines, from, to, band), low, high);
    this.#plot.batch(() => {
      this.#plot.setScale('x', { min: from, max: to });
      this.#plot.setScale('y', { min: this.#bounds.low, max: this.#bounds.high });
      // Nothing but the lines may have changed.
      this.#plot.redraw(false, false);
    });
    this.#source.onDraw?.();
  }

  /** What is on the canvas. */
  get shown(): TimeWindow {
    return this.#shown;
  }

  /** Moving windows move by whole pixels, so that what was drawn looks the same further left. */
  #snapped(now: number): TimeWindow {
    const window = this.#source.window(now);
    if (!this.#source.moves()) return window;
    const pixel = (window.to - window.from) / Math.max(1, this.#plot.bbox.width);
    const to = Math.ceil(window.to / pixel) * pixel;
    return { from: to - (window.to - window.from), to };
  }

  #drawLines(): void {
    const { ctx, bbox } = this.#plot;
    const step = this.#source.step();
    const { band } = this.#source.look();
    const projection = { ...this.#shown, ...bbox, ...this.#bounds };
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineJoin = 'bevel';
    ctx.lineWidth = 1.5 * uPlot.pxRatio;
    for (const { line, joins, look } of this.#source.lines()) {
      const longest = joins.longest(line, step);
      const colour = this.#ink.line(look.colour);
      if (band && line.hasBand) {
        ctx.beginPath();
        traceBand(ctx, line, projection, longest);
        ctx.globalAlpha = 0.16;
        ctx.fillStyle = colour;
        ctx.fill();
        ctx.globalAlpha = 1;
      }
      ctx.beginPath();
      trace(ctx, line, projection, longest);
      ctx.strokeStyle = colour;
      ctx.setLineDash(look.dash.map((length) => length * uPlot.pxRatio));
      ctx.stroke();
    }
    ctx.restore();
  }

  #options(gestures: Gestures): uPlot.Options {
    const axis = {
      font: FONT,
      stroke: () => this.#ink.text,
      grid: { stroke: () => this.#ink.grid, width: 1 },
      ticks: { stroke: () => this.#ink.grid, width: 1, size: 5 },
    };
    const asTold = (_: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax => [low, high];
    return {
      ...this.#size(),
      ms: 1,
      legend: { show: false },
      padding: [8, 8, 0, 0],
      series: [{}],
      scales: {
        x: { time: true, range: asTold, min: 0, max: 1 },
        y: { range: asTold, min: 0, max: 1 },
      },
      axes: [
        {
          ...axis,
          space: 72,
          splits: (_u, _axis, from, to, step) => timeSplits(from, to, step),
          values: (_u, moments, _axis, _space, step) => timeLabels(moments, step),
        },
        {
          ...axis,
          space: 28,
          values: (_u, values, _axis, _space, step) => valueLabels(values, step, this.#source.look().unit),
          size: (_u, labels) => {
            const longest = Math.max(0, ...(labels ?? []).map((label) => label.length));
            return Math.max(48, Math.ceil((longest * 7 + 16) / AXIS_STEP) * AXIS_STEP);
          },
        },
      ],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: {
          // With shift the same drag moves the window.
          mousedown: (_u, _target, handler) => (event) => {
            if (event.button === 0 && !event.shiftKey) handler(event);
            return null;
          },
          dblclick: () => () => {
            gestures.back();
            return null;
          },
        },
        sync: {
          key: SYNC,
          setSeries: false,
          scales: ['x', null],
          filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave' },
        },
      },
      hooks: {
        draw: [() => this.#drawLines()],
        setCursor: [
          (u) =>
            this.#source.onCursor((u.cursor.left ?? -1) >= 0 ? u.posToVal(u.cursor.left as number, 'x') : undefined),
        ],
        setSelect: [
          (u) => {
            const { left, width } = u.select;
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            if (width > 4) gestures.show({ from: u.posToVal(left, 'x'), to: u.posToVal(left + width, 'x') });
          },
        ],
      },
    };
  }

  #size(): { width: number; height: number } {
    return { width: this.#element.clientWidth || 300, height: this.#element.clientHeight || 200 };
  }

  #watchSize(): () => void {
    const observer = new ResizeObserver(() => {
      this.#plot.setSize(this.#size());
      this.invalidate();
    });
    observer.observe(this.#element);
    return () => observer.disconnect();
  }

  #watchView(): () => void {
    const observer = new IntersectionObserver(([entry]) => {
      this.#inView = entry?.isIntersecting ?? true;
      if (this.#inView) this.invalidate();
    });
    observer.observe(this.#element);
    return () => observer.disconnect();
  }
}
