/** Which series: a metric and conditions on its labels, in the field's own notation. */

export const OPS = ['=', '!=', '=~', '!~'] as const;
export type Op = (typeof OPS)[number];

export interface Matcher {
  name: string;
  op: Op;
  value: string;
}

export interface Selector {
  metric: string;
  matchers: readonly Matcher[];
}

const NAMES = { '=': 'EQUAL', '!=': 'NOT_EQUAL', '=~': 'MATCHES', '!~': 'NOT_MATCHES' } as const;

/** The conditions that count: one without a label is still being written. */
export const conditions = ({ matchers }: Selector): readonly Matcher[] => matchers.filter(({ name }) => name);

/** Nothing is chosen yet, rather than everything. */
export const isBlank = (selector: Selector): boolean => !selector.metric && conditions(selector).length === 0;

/** As GraphQL's `SeriesSelector`. */
export const toInput = (selector: Selector) => ({
  ...(selector.metric ? { metric: selector.metric } : {}),
  labels: conditions(selector).map(({ name, op, value }) => ({ name, op: NAMES[op], value })),
});

/** `cpu{host="a",site=~"n.*"}` */
export function toText(selector: Selector): string {
  const parts = conditions(selector).map(({ name, op, value }) => `${name}${op}${JSON.stringify(value)}`);
  return parts.length ? `${selector.metric}{${parts.join(',')}}` : selector.metric;
}

/** As `host=a`, the way the HTTP interface and short links write a condition. */
export function matcherText({ name, op, value }: Matcher): string {
  // `=` and a value that begins with `~` would read as `=~`.
  const isMistaken = (op === '=' || op === '!=') && value.startsWith('~');
  return isMistaken ? `${name}${op === '=' ? '=~' : '!~'}${quoted(value)}` : `${name}${op}${value}`;
}

export function parseMatcher(text: string): Matcher | undefined {
  const found = /^([^=!~]+)(=~|!~|!=|=)([\s\S]*)$/.exec(text);
  if (!found) return undefined;
  const [, name = '', op, value = ''] = found;
  return { name: name.trim(), op: op as Op, value };
}

/** A regular expression that matches this text alone. */
const quoted = (text: string) => text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');

/** Limits of the server for one selector, with some room. */
const EXPRESSION_MAX = 1_000;
const EXPRESSIONS_MAX = 8;

/**
 * Selects these series and few others, where the selector has too many: each label may have only
 * the values that they have.
 */
export function narrowed(
  selector: Selector,
  series: readonly { labels: readonly { name: string; value: string }[] }[],
): Selector {
  const values = new Map<string, Set<string>>();
  for (const { labels } of series) {
    for (const { name } of labels) values.set(name, new Set());
  }
  for (const [name, known] of values) {
    for (const { labels } of series) known.add(labels.find((label) => label.name === name)?.value ?? '');
  }
  const used = selector.matchers.filter(({ op }) => op.endsWith('~')).length;
  const wanted = [...values]
    .map(([name, known]): Matcher => {
      const [only = ''] = known;
      return known.size === 1
        ? { name, op: '=', value: only }
        : { name, op: '=~', value: [...known].map(quoted).join('|') };
    })
    .filter(({ value }) => value.length <= EXPRESSION_MAX);
  const plain = wanted.filter(({ op }) => op === '=');
  const expressions = wanted.filter(({ op }) => op === '=~').slice(0, EXPRESSIONS_MAX - used);
  return { ...selector, matchers: [...selector.matchers, ...plain, ...expressions] };
}
