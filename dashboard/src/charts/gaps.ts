import type { Columns } from './columns';

const SAMPLE = 128;
const TOLERANCE = 1.3;
const LOOK_AGAIN_AFTER = 512;

/**
 * How far apart two points may be and still be joined. Buckets: not one may be missing. Stored
 * points: far beyond what is usual of this line, where irregular ones have a wide idea of usual.
 */
export class Joins {
  #known = Number.POSITIVE_INFINITY;
  #seen = Number.NEGATIVE_INFINITY;

  /** `step` is that of the buckets, if these are some. */
  longest(line: Columns, step?: number): number {
    if (step !== undefined) return step * 1.5;
    if (line.version - this.#seen >= LOOK_AGAIN_AFTER || line.length < SAMPLE) {
      const found = usual(line);
      // A little more or less changes nothing that is seen, and would have all drawn anew.
      if (!(found > this.#known / TOLERANCE && found < this.#known * TOLERANCE)) this.#known = found;
      this.#seen = line.version;
    }
    return this.#known;
  }
}

function usual({ times, start, end }: Columns): number {
  const joints = end - start - 1;
  if (joints < 2) return Number.POSITIVE_INFINITY;
  const stride = Math.max(1, Math.floor(joints / SAMPLE));
  const lengths: number[] = [];
  for (let at = start + 1; at < end; at += stride) lengths.push((times[at] as number) - (times[at - 1] as number));
  lengths.sort((a, b) => a - b);
  const share = (part: number) => lengths[Math.floor((lengths.length - 1) * part)] as number;
  return Math.max(5 * share(0.5), 3 * share(0.9));
}
