import type { DrawnLine, Pointer } from '@/charts/model';
import { valueAt } from './value-at';

export interface Reading {
  drawn: DrawnLine;
  value: number;
  /** Of all lines its value is nearest to the pointer. */
  isNearest: boolean;
}

/** What the lines are where the pointer is, greatest first. */
export function readingsAt(lines: readonly DrawnLine[], { time, value: height }: Pointer, step?: number): Reading[] {
  const found = lines.flatMap((drawn) => {
    const value = valueAt(drawn.line, time, drawn.joins.longest(drawn.line, step));
    return value === undefined ? [] : [{ drawn, value }];
  });
  const distance = Math.min(...found.map(({ value }) => Math.abs(value - height)));
  return found
    .map((one) => ({ ...one, isNearest: Math.abs(one.value - height) === distance }))
    .sort((a, b) => b.value - a.value);
}
