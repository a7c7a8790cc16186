import type { Bounds } from './bounds';
import type { Ink } from './look';
import type { DrawnLine, TimeWindow } from './model';
import { type Projection, trace, traceBand } from './trace';

export interface Frame {
  window: TimeWindow;
  bounds: Bounds;
  /** Other lines are another array. */
  lines: readonly DrawnLine[];
  /** How far apart the points of a line may be and still be joined. */
  longestJoin(line: DrawnLine): number;
  band: boolean;
  ink: Ink;
  /** In pixels of the device. */
  width: number;
  height: number;
  ratio: number;
}

const LINE_WIDTH = 1.5;
const BAND_ALPHA = 0.16;

/** From pixel to pixel, the last not included. */
export interface PixelSpan {
  from: number;
  to: number;
}

/**
 * What has to be painted when a window of the same length moves by whole pixels, of which what is
 * still seen is shifted: what comes into view, and everything from `changedFrom` on.
 */
export function columnsToPaint(width: number, shift: number, changedFrom: number): PixelSpan[] {
  const since = Math.max(0, Math.min(width, changedFrom));
  if (shift < 0) {
    const left = { from: 0, to: Math.min(width, -shift) };
    return since >= width ? [left] : since <= left.to ? [{ from: 0, to: width }] : [left, { from: since, to: width }];
  }
  const from = Math.min(since, width - shift);
  return from >= width ? [] : [{ from: Math.max(0, from), to: width }];
}

/**
 * The canvas with the lines. A window that moves does not draw its lines anew: what is there is
 * shifted, and only what is new is painted.
 */
export class LineLayer {
  readonly canvas = document.createElement('canvas');
  readonly #context = this.canvas.getContext('2d') as CanvasRenderingContext2D;
  #last: (Pick<Frame, 'window' | 'lines' | 'ink'> & { signature: string }) | undefined;

  constructor() {
    this.canvas.style.position = 'absolute';
    this.canvas.style.pointerEvents = 'none';
  }

  draw(frame: Frame): void {
    const { window, lines, width, height, ink } = frame;
    const pixel = (window.to - window.from) / width;
    const joins = new Map(lines.map((drawn) => [drawn, frame.longestJoin(drawn)]));
    // What is drawn otherwise as a whole when any of it is another.
    const signature = [width, height, pixel, frame.bounds.low, frame.bounds.high, frame.band, ...joins.values()].join();
    const changed = lines.reduce(
      (earliest, { line }) => Math.min(earliest, line.takeChanged()),
      Number.POSITIVE_INFINITY,
    );
    const last = this.#last;
    const isSame = last?.signature === signature && last.ink === ink && last.lines === lines;
    const shift = isSame ? Math.round((window.from - last.window.from) / pixel) : width;
    this.#last = { window, signature, ink, lines };

    if (!isSame || Math.abs(shift) >= width) {
      this.#resize(frame);
      this.#paint(frame, joins, { from: 0, to: width });
      return;
    }
    if (shift !== 0) this.#shift(shift);
    // With room for the line's own width.
    const changedFrom = Math.floor((changed - window.from) / pixel) - 2 * Math.ceil(LINE_WIDTH * frame.ratio);
    for (const columns of columnsToPaint(width, shift, changedFrom)) this.#paint(frame, joins, columns);
  }

  #resize({ width, height, ratio }: Frame): void {
    const { canvas } = this;
    if (canvas.width === width && canvas.height === height) return;
    canvas.width = width;
    canvas.height = height;
    canvas.style.width = `${width / ratio}px`;
    canvas.style.height = `${height / ratio}px`;
  }

  #shift(by: number): void {
    this.#context.globalCompositeOperation = 'copy';
    this.#context.drawImage(this.canvas, -by, 0);
    this.#context.globalCompositeOperation = 'source-over';
  }

  #paint(
    { window, bounds, lines, band, ink, width, height, ratio }: Frame,
    joins: Map<DrawnLine, number>,
    columns: PixelSpan,
  ): void {
    const context = this.#context;
    const pixel = (window.to - window.from) / width;
    const projection: Projection = { ...bounds, from: window.from, perTime: 1 / pixel, height };
    const span = { from: window.from + columns.from * pixel, to: window.from + columns.to * pixel };
    context.save();
    context.beginPath();
    context.rect(columns.from, 0, columns.to - columns.from, height);
    context.clip();
    context.clearRect(columns.from, 0, columns.to - columns.from, height);
    context.lineJoin = 'bevel';
    context.lineWidth = LINE_WIDTH * ratio;
    for (const drawn of lines) {
      const longest = joins.get(drawn) as number;
      if (band && drawn.line.hasBand) {
        context.beginPath();
        traceBand(context, drawn.line, projection, span, longest);
        context.globalAlpha = BAND_ALPHA;
        context.fillStyle = ink.colour(drawn.look);
        context.fill();
        context.globalAlpha = 1;
      }
      context.beginPath();
      trace(context, drawn.line, projection, span, longest);
      context.strokeStyle = ink.stroke(drawn.look, context, Math.round(window.from / pixel), ratio);
      context.stroke();
    }
    context.restore();
  }
}
