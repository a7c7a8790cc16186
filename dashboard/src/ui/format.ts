/** Numbers, sizes and times as people read them. */
import { toWall } from './zone';

const plain = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** A measured value: four digits that matter, exponents where they are shorter. */
export function value(n: number): string {
  const size = Math.abs(n);
  return size !== 0 && (size >= 1e9 || size < 1e-4) ? n.toExponential(3) : plain.format(n);
}

export const count = (n: number): string => whole.format(n);
export const short = (n: number): string => compact.format(n);

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function bytes(n: number): string {
  const step = n < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(n) / 10));
  return `${plain.format(n / 1024 ** step)} ${UNITS[step]}`;
}

/** Of seconds: `850 µs`, `12 ms`, `3.4 s`, `2 min`, `5 h`, `3 d`. */
export function duration(seconds: number): string {
  const [size, unit] =
    seconds < 0.001
      ? [seconds * 1e6, 'µs']
      : seconds < 1
        ? [seconds * 1e3, 'ms']
        : seconds < 120
          ? [seconds, 's']
          : seconds < 7_200
            ? [seconds / 60, 'min']
            : seconds < 172_800
              ? [seconds / 3_600, 'h']
              : [seconds / 86_400, 'd'];
  return `${plain.format(Number((size as number).toPrecision(3)))} ${unit}`;
}

/** In the time zone that was chosen: `2026-01-31 12:00:00.123`. */
export function time(moment: string | number | Date): string {
  return new Date(toWall(new Date(moment).getTime()))
    .toISOString()
    .replace('T', ' ')
    .replace(/(\.000)?Z$/, '');
}

/** The time of day alone: `12:00:00`. */
export const clock = (moment: string | number | Date): string => time(moment).slice(11, 19);
