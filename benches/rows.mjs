// The benchmark's rows: the same for every contestant and every run, whatever their order.

export const SERIES = 1000;
const CHUNK = 5000;

const pad = (n, width) => String(n).padStart(width, '0');
const site = (series) => `s${pad(series % 10, 2)}`;
const device = (series) => `d${pad(series, 4)}`;
export const seriesKey = (series) => `bench{device="${device(series)}",site="${site(series)}"}`;

// Row i belongs to series i % SERIES; each series has one point a second, the last a minute ago.
export class Rows {
  constructor(count, now = Date.now()) {
    this.count = count;
    this.first = Math.floor(now / 1000) * 1000 - 60_000 - Math.ceil(count / SERIES) * 1000;
  }

  ts(i) { return this.first + Math.floor(i / SERIES) * 1000; }

  value(i) { return (Math.imul(i + 1, 2654435761) >>> 0) / 10_000; }

  record(i) {
    const series = i % SERIES;
    return `${seriesKey(series)}\t{"metric":"bench","labels":{"device":"${device(series)}","site":"${site(series)}"},"ts":${this.ts(i)},"value":${this.value(i)}}\n`;
  }

  // A row of `points` as COPY takes it.
  csv(i, partitions) {
    const series = i % SERIES;
    const ts = new Date(this.ts(i)).toISOString();
    return `${series + 1},${(series % partitions) + 1},${ts},${this.value(i)},${Math.floor(i / partitions)},${ts}\n`;
  }

  // In order of time, as records or as CSV.
  *inOrder(render) {
    for (let i = 0; i < this.count; i += CHUNK) {
      let text = '';
      for (let j = i; j < Math.min(i + CHUNK, this.count); j++) text += render(j);
      yield text;
    }
  }

  // Half the rows in no order, then the same once more in another: late points, then repeats.
  *lateAndRepeated() {
    const half = this.count / 2;
    for (const seed of [1, 2]) {
      const order = shuffled(half, seed);
      for (let i = 0; i < half; i += CHUNK) {
        let text = '';
        for (const j of order.subarray(i, i + CHUNK)) text += this.record(j);
        yield text;
      }
    }
  }
}

function shuffled(count, seed) {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let state = seed;
  for (let i = count - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
