import uPlot from 'uplot';
import { onThemeChange } from '@/ui/theme';
import { DECIMAL_STEPS, ticksInUnit } from '@/ui/units';
import { type Bounds, extremes, steadyBounds } from './bounds';
import { type Gestures, listen } from './gestures';
import { LineLayer } from './layer';
import { type Ink, inkOf } from './look';
import type { ChartSource, DrawnLine, TimeWindow } from './model';
import { type Drawable, frames } from './scheduler';
import { timeLabels, timeSplits } from './ticks';

interface Axes {
  window: TimeWindow;
  bounds: Bounds;
}

const FONT = '12px system-ui, sans-serif';
const GAP_PIXELS = 3;
const SYNC = 'streamsync';
/** The axis of values grows in such steps, so that the lines do not wander with each digit. */
const AXIS_STEP = 16;

/** Lines on a canvas. uPlot has the axes, the crosshair and the selection; the lines are drawn from their own columns. */
export class TimeChart implements Drawable {
  readonly #source: ChartSource;
  readonly #plot: uPlot;
  readonly #element: HTMLElement;
  readonly #layer = new LineLayer();
  readonly #undo: (() => void)[] = [];
  #ink: Ink;
  #shown: TimeWindow = { from: 0, to: 1 };
  #bounds: Bounds = { low: 0, high: 1 };
  #news = true;
  /** The axes have to be drawn even when they stand where they were. */
  #isStale = true;
  #inView = true;

  constructor(element: HTMLElement, source: ChartSource, gestures: Gestures) {
    this.#element = element;
    this.#source = source;
    this.#ink = inkOf(element);
    this.#plot = new uPlot(this.#options(gestures), [[]], element);
    this.#plot.over.prepend(this.#layer.canvas);
    this.#undo.push(
      listen(this.#plot, element, gestures, () => this.#shown),
      onThemeChange(() => {
        this.#ink = inkOf(element);
        this.restyle();
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

  /** The same is to be shown in another way. */
  restyle(): void {
    this.#isStale = true;
    this.invalidate();
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
    const before = { window: this.#shown, bounds: this.#bounds };
    this.#shown = this.#snapped(now);
    const { from, to } = this.#shown;
    const { band, low, high } = this.#source.look();
    const lines = this.#source.lines();
    const found = extremes(
      lines.map(({ line }) => line),
      from,
      to,
      band,
    );
    this.#bounds = steadyBounds(this.#bounds, found, low, high);
    if (this.#isStale || !isSame(before, { window: this.#shown, bounds: this.#bounds })) this.#drawAxes();
    this.#drawLines(lines, band);
  }

  #drawAxes(): void {
    this.#isStale = false;
    this.#plot.batch(() => {
      this.#plot.setScale('x', { min: this.#shown.from, max: this.#shown.to });
      this.#plot.setScale('y', { min: this.#bounds.low, max: this.#bounds.high });
      // Also when nothing but the colours are others.
      this.#plot.redraw(false, false);
    });
    // The window moves below a pointer that rests.
    if ((this.#plot.cursor.left ?? -1) >= 0) this.#tellCursor();
  }

  #tellCursor(): void {
    const { cursor, over } = this.#plot;
    const { left = -1, top = -1 } = cursor;
    if (left < 0) {
      this.#source.onCursor();
      this.#source.onPointer();
      return;
    }
    const time = this.#plot.posToVal(left, 'x');
    this.#source.onCursor(time);
    if (!over.matches(':hover')) this.#source.onPointer();
    else this.#source.onPointer({ time, value: this.#plot.posToVal(top, 'y'), left: left + over.offsetLeft });
  }

  #drawLines(lines: readonly DrawnLine[], band: boolean): void {
    const { width, height } = this.#plot.bbox;
    const step = this.#source.step();
    // A narrower gap between stored points would be but a flaw in the line.
    const narrow = ((this.#shown.to - this.#shown.from) / width) * GAP_PIXELS * uPlot.pxRatio;
    this.#layer.draw({
      window: this.#shown,
      bounds: this.#bounds,
      lines,
      longestJoin: ({ line, joins }) => Math.max(step === undefined ? narrow : 0, joins.longest(line, step)),
      band,
      ink: this.#ink,
      width,
      height,
      ratio: uPlot.pxRatio,
    });
  }

  /** Whether it is scrolled into view. */
  get isSeen(): boolean {
    return this.#inView;
  }

  /** What is on the canvas. */
  get shown(): TimeWindow {
    return this.#shown;
  }

  /** Windows move by whole pixels, so that what was drawn looks the same when it is shifted. */
  #snapped(now: number): TimeWindow {
    const { from, to } = this.#source.window(now);
    const pixel = (to - from) / Math.max(1, this.#plot.bbox.width);
    const snapped = Math.ceil(to / pixel) * pixel;
    return { from: snapped - (to - from), to: snapped };
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
      padding: [8, 28, 0, 0],
      series: [{}],
      scales: {
        x: { time: true, range: asTold, min: 0, max: 1 },
        y: { range: asTold, min: 0, max: 1 },
      },
      axes: [
        {
          ...axis,
          space: 64,
          splits: (_u, _axis, from, to, step) => timeSplits(from, to, step),
          values: (_u, moments, _axis, _space, step) => timeLabels(moments, step),
        },
        {
          ...axis,
          space: 28,
          incrs: () => this.#source.unit().steps ?? DECIMAL_STEPS,
          values: (_u, values, _axis, _space, step) => ticksInUnit(values, step, this.#source.unit()),
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
        setCursor: [() => this.#tellCursor()],
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
      // Hidden for a moment.
      if (this.#element.clientWidth === 0) return;
      this.#plot.setSize(this.#size());
      this.restyle();
    });
    observer.observe(this.#element);
    return () => observer.disconnect();
  }

  #watchView(): () => void {
    const observer = new IntersectionObserver((entries) => {
      this.#inView = entries.at(-1)?.isIntersecting ?? true;
      if (this.#inView) this.invalidate();
    });
    observer.observe(this.#element);
    return () => observer.disconnect();
  }
}

const isSame = (a: Axes, b: Axes): boolean =>
  a.window.from === b.window.from &&
  a.window.to === b.window.to &&
  a.bounds.low === b.bounds.low &&
  a.bounds.high === b.bounds.high;
