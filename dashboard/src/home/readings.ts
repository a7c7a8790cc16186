/** What the tiles show of the samples. */
import { duration, short } from '@/ui/format';
import type { Dot } from '@/ui/sparkline-path';
import type { Sample } from './samples';

export interface Reading {
  title: string;
  unit: string;
  of(sample: Sample): number | null;
  /** A value as a person reads it. */
  write(value: number): string;
  /** What else the newest second says. */
  detail(sample: Sample): string;
  /** The sparkline is at least so high, so that noise about nothing stays flat. */
  least: number;
}

export const READINGS = {
  points: {
    title: 'Stored',
    unit: 'points/s',
    of: ({ points }) => points,
    write: short,
    detail: () => 'in the last second',
    least: 1,
  },
  lag: {
    title: 'Lag',
    unit: 'records',
    of: ({ lag }) => lag,
    write: short,
    detail: ({ lag }) => (lag === 0 ? 'all is committed' : 'not yet committed'),
    least: 10,
  },
  latency: {
    title: 'Latency, end to end',
    unit: 'p99',
    of: ({ latency }) => latency?.p99 ?? null,
    write: duration,
    detail: ({ latency }) => (latency ? `${duration(latency.p50)} p50` : 'no records in the last second'),
    least: 0.01,
  },
  subscribers: {
    title: 'Subscribers',
    unit: 'live',
    of: ({ subscribers }) => subscribers,
    write: short,
    detail: ({ delivered }) => `${short(delivered)} points/s to them`,
    least: 1,
  },
  deadLetters: {
    title: 'Dead letters',
    unit: 'a second',
    of: ({ deadLetters }) => deadLetters,
    write: short,
    detail: () => '',
    least: 1,
  },
} satisfies Record<string, Reading>;

export const dotsOf = (samples: readonly Sample[], { of }: Reading): Dot[] =>
  samples.map((sample) => ({ at: sample.at, value: of(sample) }));

/** The highest value; null of nothing. */
export function peak(dots: readonly Dot[]): number | null {
  let highest: number | null = null;
  for (const { value } of dots) if (value !== null && (highest === null || value > highest)) highest = value;
  return highest;
}
