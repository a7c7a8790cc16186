/** Points as columns, oldest first. No value is NaN: a gap that is known. */
export interface Points {
  /** Milliseconds since 1970; a double keeps the microseconds. */
  times: ArrayLike<number>;
  values: ArrayLike<number>;
  /** The least and the greatest value behind each point. */
  lows?: ArrayLike<number>;
  highs?: ArrayLike<number>;
}

/** Beyond this the oldest go. */
export const POINTS_MAX = 200_000;
const FIRST_CAPACITY = 256;

/**
 * The points of one line by time, each time once: a time that comes again changes its point. What
 * is older than the window is let go, so a line that lives for days stays small.
 *
 * The arrays are open to who draws them; what is held stands from `start` to `end`.
 */
export class Columns {
  times = new Float64Array(FIRST_CAPACITY);
  values = new Float64Array(FIRST_CAPACITY);
  /** Empty until the first point with a band. */
  lows = new Float64Array(0);
  highs = new Float64Array(0);
  start = 0;
  end = 0;
  /** Grows with every change. */
  version = 0;
  #changed = Number.POSITIVE_INFINITY;

  get length(): number {
    return this.end - this.start;
  }

  get hasBand(): boolean {
    return this.lows.length > 0;
  }

  /** The time of the newest point; `-Infinity` when there is none. */
  get newest(): number {
    return this.length ? (this.times[this.end - 1] as number) : Number.NEGATIVE_INFINITY;
  }

  /** From which time on the line looks otherwise than when this was asked for before. */
  takeChanged(): number {
    const changed = this.#changed;
    this.#changed = Number.POSITIVE_INFINITY;
    return changed;
  }

  /** The place of the first point at or after `time`. */
  placeOf(time: number): number {
    let low = this.start;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.times[middle] as number) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  put(time: number, value: number, low = Number.NaN, high = Number.NaN): void {
    const isNewest = !(time <= this.newest);
    const known = isNewest ? this.end : this.placeOf(time);
    if (isNewest || this.times[known] !== time) this.#open(time, isNewest);
    this.#write(isNewest ? this.end - 1 : this.placeOf(time), time, value, low, high);
  }

  /** Everything from `from` up to before `to` becomes `points`, which lie in that span. */
  replace(from: number, to: number, points: Points): void {
    const before = this.#copy(this.start, this.placeOf(from));
    const after = this.#copy(this.placeOf(to), this.end);
    const parts = [before, points, after];
    const length = parts.reduce((sum, part) => sum + part.times.length, 0);
    const hasBand = parts.some((part) => part.lows);
    const capacity = Math.max(FIRST_CAPACITY, length + (length >> 2));
    this.times = new Float64Array(capacity);
    this.values = new Float64Array(capacity);
    this.lows = new Float64Array(hasBand ? capacity : 0);
    this.highs = new Float64Array(hasBand ? capacity : 0);
    if (hasBand) {
      this.lows.fill(Number.NaN);
      this.highs.fill(Number.NaN);
    }
    this.start = 0;
    this.end = 0;
    for (const { times, values, lows, highs } of parts) {
      this.times.set(times, this.end);
      this.values.set(values, this.end);
      if (lows && highs) {
        this.lows.set(lows, this.end);
        this.highs.set(highs, this.end);
      }
      this.end += times.length;
    }
    this.version += 1;
    this.#changed = Number.NEGATIVE_INFINITY;
    this.#bound();
  }

  /** Lets go of what is before `time`. */
  trim(time: number): void {
    const start = this.placeOf(time);
    if (start === this.start) return;
    this.start = start;
    this.version += 1;
  }

  /** The newest point at or before `time`, as its place; -1 when there is none. */
  lastBy(time: number): number {
    const place = this.placeOf(time);
    if (place < this.end && this.times[place] === time) return place;
    return place > this.start ? place - 1 : -1;
  }

  #copy(from: number, to: number): Points {
    const part = { times: this.times.slice(from, to), values: this.values.slice(from, to) };
    return this.hasBand && to > from
      ? { ...part, lows: this.lows.slice(from, to), highs: this.highs.slice(from, to) }
      : part;
  }

  #columns(): Float64Array[] {
    return this.hasBand ? [this.times, this.values, this.lows, this.highs] : [this.times, this.values];
  }

  /** Makes a place for a time that is not there yet. */
  #open(time: number, isNewest: boolean): void {
    this.#makeRoom();
    if (!isNewest) {
      const place = this.placeOf(time);
      for (const column of this.#columns()) column.copyWithin(place + 1, place, this.end);
      this.times[place] = time;
    }
    this.end += 1;
  }

  #write(place: number, time: number, value: number, low: number, high: number): void {
    this.times[place] = time;
    this.values[place] = value;
    if (!this.hasBand && !Number.isNaN(low)) {
      this.lows = new Float64Array(this.times.length).fill(Number.NaN);
      this.highs = new Float64Array(this.times.length).fill(Number.NaN);
    }
    if (this.hasBand) {
      this.lows[place] = low;
      this.highs[place] = high;
    }
    this.version += 1;
    // The joint to the point before changes with it.
    this.#changed = Math.min(this.#changed, place > this.start ? (this.times[place - 1] as number) : time);
    this.#bound();
  }

  #bound(): void {
    if (this.length > POINTS_MAX) this.start = this.end - POINTS_MAX;
  }

  /** For one point more: what was let go makes room first, so that most points cost nothing. */
  #makeRoom(): void {
    const capacity = this.times.length;
    if (this.end < capacity) return;
    if (this.start > capacity >> 2) {
      for (const column of this.#columns()) column.copyWithin(0, this.start, this.end);
      this.end -= this.start;
      this.start = 0;
      return;
    }
    const grown = (column: Float64Array) => {
      const next = new Float64Array(column.length * 2);
      next.set(column);
      return next;
    };
    this.times = grown(this.times);
    this.values = grown(this.values);
    this.lows = grown(this.lows);
    this.highs = grown(this.highs);
  }
}
