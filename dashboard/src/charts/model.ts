import type { Unit } from '@/ui/units';
import type { Columns } from './columns';
import type { Joins } from './gaps';
import type { Look } from './look';

export interface DrawnLine {
  key: string;
  line: Columns;
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
  look(): { band: boolean; low?: number | undefined; high?: number | undefined };
  unit(): Unit;
  /** The pointer, here or over another chart, is at this time; it is gone when left out. */
  onCursor(time?: number): void;
  /** The pointer is over this chart; it is gone when left out. */
  onPointer(pointer?: Pointer): void;
}

export interface Pointer {
  time: number;
  /** At its height. */
  value: number;
  /** From the left border of the chart, in CSS pixels. */
  left: number;
}
