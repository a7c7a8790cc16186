/** Which metrics show their values, so that the page stays small however many series there are. */
export const METRICS_ASKED = 50;
const METRICS_SHOWN = 8;
export const SERIES_SHOWN = 24;

export interface MetricCount {
  name: string;
  series: number;
}

export interface Chosen {
  shown: MetricCount[];
  /** Too many, or of too many series: links alone. */
  rest: MetricCount[];
}

export function choose(metrics: readonly MetricCount[]): Chosen {
  const shown: MetricCount[] = [];
  const rest: MetricCount[] = [];
  let room = SERIES_SHOWN;
  for (const metric of metrics) {
    if (metric.series > room || shown.length === METRICS_SHOWN) {
      rest.push(metric);
      continue;
    }
    room -= metric.series;
    shown.push(metric);
  }
  return { shown, rest };
}
