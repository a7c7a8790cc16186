/** Keys of series, such as `cpu{host="a",site="b"}`, in their parts. */

export interface Label {
  name: string;
  value: string;
}

const LABEL = /([^,={]+)="((?:[^"\\]|\\.)*)"/g;

export function labelsOf(key: string): Label[] {
  const inner = key.slice(key.indexOf('{') + 1, -1);
  return [...inner.matchAll(LABEL)].map(([, name = '', value = '']) => ({
    name,
    value: value.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped)),
  }));
}

const metricOf = (key: string): string => key.split('{', 1)[0] as string;

/** What tells lines apart: the labels that differ; the metric only where that differs, or where there is nothing else. */
export function lineNames(keys: readonly string[]): string[] {
  const metrics = new Set(keys.map(metricOf));
  const all = keys.map((key) => labelsOf(key));
  const text = (label: Label) => `${label.name}=${label.value}`;
  const isShared = (label: Label) => all.length > 1 && all.every((its) => its.some((one) => text(one) === text(label)));
  return keys.map((key, at) => {
    const labels = (all[at] as Label[]).filter((label) => !isShared(label)).map(text);
    const parts = metrics.size > 1 ? [metricOf(key), ...labels] : labels;
    return parts.join(', ') || metricOf(key) || 'all series';
  });
}
