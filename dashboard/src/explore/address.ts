/**
 * A dashboard as the address of the page: `?d=1.…` for all of it, with `&name=…` where it has one, `?metric=…&label=…`
 * for one panel, `?board=demo` for that of the demo, `?new` for none.
 */
import { type Dashboard, DEFAULT_VIEW, newPanel, PANELS_MAX, type Panel, WIDTHS } from './dashboard';
import { DEMO_BOARD, demoBoard } from './demo-board';
import { NEW } from './link';
import { formatSpan, parseSpan } from './moment';
import { ACROSS, FILLS, METHODS } from './plan';
import { type Matcher, parseMatcher, type Selector } from './selector';
import { stillView, type View } from './view';

const VERSION = '1';
const ADDRESS_MAX = 100_000;

/** What was read, or why it could not be, as a sentence. */
export type Reading = { dashboard: Dashboard } | { problem: string };

class Unreadable extends Error {}

export function encodeDashboard({ name, view, panels }: Dashboard): string {
  const { btoa } = globalThis;
  const compact = [view.kind === 'live' ? formatSpan(view.span) : [view.from, view.to], ...panels.map(compactPanel)];
  const bytes = new TextEncoder().encode(JSON.stringify(compact));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  const coded = text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  return `?d=${VERSION}.${coded}${name ? `&name=${encodeURIComponent(name)}` : ''}`;
}

/** Without what is as usual. */
function compactPanel({ selector, method, step, group, fill, band, width, title, unit, low, high }: Panel) {
  return {
    m: selector.metric,
    l: selector.matchers.length ? selector.matchers.map(({ name, op, value }) => [name, op, value]) : undefined,
    a: method === 'auto' ? undefined : method,
    s: step,
    g: group && [group.across, ...group.by],
    f: fill === 'none' ? undefined : fill,
    b: band ? undefined : 0,
    w: width === 'full' ? undefined : width,
    t: title || undefined,
    u: unit || undefined,
    lo: low,
    hi: high,
  };
}

/** Nothing when the address names no dashboard. */
export function readAddress(search: string): Reading | undefined {
  const params = new URLSearchParams(search);
  const coded = params.get('d');
  try {
    const name = params.get('name');
    if (coded !== null) return { dashboard: { ...decode(coded), ...(name ? { name } : {}) } };
    if (params.has('metric')) return { dashboard: readShort(params) };
    if (params.has(NEW.slice(1))) return { dashboard: { view: DEFAULT_VIEW, panels: [] } };
    if (`?${params}` === DEMO_BOARD) return { dashboard: demoBoard() };
    return undefined;
  } catch (problem) {
    if (problem instanceof Unreadable) return { problem: problem.message };
    throw problem;
  }
}

function decode(coded: string): Dashboard {
  const [version, text = ''] = coded.split('.', 2);
  if (version !== VERSION) throw new Unreadable('This link was made by another version of the dashboard.');
  const [view, ...panels] = list(parse(text), 'The link');
  if (panels.length > PANELS_MAX) throw new Unreadable(`The link has more than ${PANELS_MAX} panels.`);
  return { view: readView(view), panels: panels.map(readPanel) };
}

function parse(text: string): unknown {
  if (text.length > ADDRESS_MAX) throw new Unreadable('The link is too long.');
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(binary, (c) => c.charCodeAt(0))),
    );
  } catch {
    throw new Unreadable('The link is damaged: perhaps it was not copied as a whole.');
  }
}

function readView(value: unknown): View {
  if (typeof value === 'string') {
    const span = parseSpan(value);
    if (span !== undefined) return { kind: 'live', span };
  } else if (Array.isArray(value)) {
    const [from, to] = value;
    if (Number.isFinite(from) && Number.isFinite(to) && from < to) return stillView({ from, to });
  }
  throw new Unreadable('The time range of the link cannot be read.');
}

function readPanel(value: unknown, place: number): Panel {
  const where = `Panel ${place + 1} of the link`;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Unreadable(`${where} is not a panel.`);
  const { m, l, a, s, g, f, b, w, t, u, lo, hi } = value as Record<string, unknown>;
  const selector: Selector = {
    metric: text(m, where),
    matchers: list(l ?? [], where).map((each) => readMatcher(each, where)),
  };
  return newPanel(selector, {
    method: oneOf(METHODS, a ?? 'auto', `${where}: the aggregate`),
    fill: oneOf(FILLS, f ?? 'none', `${where}: the fill`),
    width: oneOf(WIDTHS, w ?? 'full', `${where}: the width`),
    band: b !== 0,
    ...(s === undefined ? {} : { step: readStep(s, where) }),
    ...(g === undefined ? {} : { group: readGroup(g, where) }),
    ...(t === undefined ? {} : { title: text(t, where) }),
    ...(u === undefined ? {} : { unit: text(u, where) }),
    ...(lo === undefined ? {} : { low: number(lo, where) }),
    ...(hi === undefined ? {} : { high: number(hi, where) }),
  });
}

function readMatcher(value: unknown, where: string): Matcher {
  const [name, op, its] = list(value, where);
  return {
    name: text(name, where),
    op: oneOf(['=', '!=', '=~', '!~'] as const, op, `${where}: a condition`),
    value: text(its, where),
  };
}

function readGroup(value: unknown, where: string) {
  const [across, ...by] = list(value, where);
  return { across: oneOf(ACROSS, across, `${where}: the grouping`), by: by.map((label) => text(label, where)) };
}

function readStep(value: unknown, where: string): string {
  if (typeof value === 'string' && parseSpan(value) !== undefined) return value;
  throw new Unreadable(`${where}: the step cannot be read.`);
}

function readShort(params: URLSearchParams): Dashboard {
  const matchers = params.getAll('label').map((each) => {
    const matcher = parseMatcher(each);
    if (!matcher) throw new Unreadable(`The condition '${each}' cannot be read: write name=value, !=, =~ or !~.`);
    return matcher;
  });
  const step = params.get('step');
  const panel = newPanel(
    { metric: params.get('metric') ?? '', matchers },
    {
      method: oneOf(METHODS, params.get('aggregate') ?? 'auto', 'The aggregate of the link'),
      ...(step === null ? {} : { step: readStep(step, 'The link') }),
    },
  );
  const { from, to } = { from: Date.parse(params.get('from') ?? ''), to: Date.parse(params.get('to') ?? '') };
  if (params.has('from') || params.has('to')) return { view: readView([from, to]), panels: [panel] };
  return { view: params.has('range') ? readView(params.get('range')) : DEFAULT_VIEW, panels: [panel] };
}

function oneOf<T extends string>(known: readonly T[], value: unknown, what: string): T {
  if (known.includes(value as T)) return value as T;
  throw new Unreadable(`${what} is none of: ${known.join(', ')}.`);
}

function list(value: unknown, where: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw new Unreadable(`${where} has no list where there should be one.`);
}

function text(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  throw new Unreadable(`${where} has no text where there should be one.`);
}

function number(value: unknown, where: string): number {
  if (Number.isFinite(value)) return value as number;
  throw new Unreadable(`${where} has no number where there should be one.`);
}
