/** Units of values: what the names of metrics tell, and how numbers are written in them. */
import { short, value } from './format';

/** A size with a name of its own: how much it is in the unit of the values. */
type Scale = readonly [factor: number, symbol: string];

export interface Unit {
  /** Largest first. */
  scales: readonly Scale[];
  /** Money stands behind its sign. */
  isMoney?: true;
  /** Distances between ticks that are round in this unit, smallest first. */
  steps?: number[];
}

export const NO_UNIT: Unit = { scales: [[1, '']] };
/** The choice of no unit where the name of a metric would tell one. */
export const NONE = 'none';

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;
const DURATIONS: readonly Scale[] = [
  [DAY, 'd'],
  [HOUR, 'h'],
  [MINUTE, 'min'],
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'µs'],
  [1e-9, 'ns'],
];
const powers = (base: number, from: number, to: number, digits: readonly number[]) =>
  Array.from({ length: to - from + 1 }, (_, n) => digits.map((digit) => digit * base ** (from + n))).flat();

export const DECIMAL_STEPS = powers(10, -15, 15, [1, 2, 2.5, 5]);
const BINARY_STEPS = powers(2, -10, 60, [1]);
const DURATION_STEPS = [
  ...powers(10, -9, -1, [1, 2, 5]),
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...powers(10, 0, 6, [1, 2, 5]).map((n) => n * DAY),
];

const duration = (seconds: number): Unit => ({
  scales: DURATIONS.map(([factor, symbol]) => [factor / seconds, symbol]),
  steps: DURATION_STEPS.map((step) => step / seconds),
});
const si = (symbol: string, ...prefixes: readonly Scale[]): Unit => ({
  scales: prefixes.map(([factor, prefix]) => [factor, `${prefix}${symbol}`]),
});
const LARGE = [
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
  [1, ''],
] as const;
const SMALL = [
  [1e-3, 'm'],
  [1e-6, 'µ'],
] as const;
const money = (sign: string): Unit => ({ scales: [[1, sign]], isMoney: true });

/** What can be chosen by name. Any other name stands behind the number as it is. */
const UNITS: Record<string, Unit> = {
  B: si('B', ...LARGE),
  iB: {
    scales: ['PiB', 'TiB', 'GiB', 'MiB', 'KiB', 'B'].map((symbol, n) => [1024 ** (5 - n), symbol]),
    steps: BINARY_STEPS,
  },
  bit: si('bit', ...LARGE),
  s: duration(1),
  ms: duration(1e-3),
  µs: duration(1e-6),
  ns: duration(1e-9),
  ratio: { scales: [[0.01, '%']] },
  Hz: si('Hz', ...LARGE),
  W: si('W', ...LARGE, ...SMALL),
  V: si('V', ...LARGE, ...SMALL),
  A: si('A', ...LARGE, ...SMALL),
  J: si('J', ...LARGE, ...SMALL),
  Pa: si('Pa', ...LARGE),
  $: money('$'),
  '€': money('€'),
  '£': money('£'),
  '¥': money('¥'),
};

export const UNIT_TITLES: Readonly<Record<string, string>> = {
  B: 'Bytes (kB, MB)',
  iB: 'Bytes (KiB, MiB)',
  bit: 'Bits',
  s: 'Seconds',
  ms: 'Milliseconds',
  µs: 'Microseconds',
  '%': 'Percent (0–100)',
  ratio: 'Percent (0–1)',
  '°C': 'Degrees Celsius',
  Hz: 'Hertz',
  W: 'Watts',
  V: 'Volts',
  A: 'Amperes',
  $: 'Dollars',
  '€': 'Euros',
};

const PER_SECOND = '/s';

export function unitNamed(name: string): Unit {
  if (Object.hasOwn(UNITS, name)) return UNITS[name] as Unit;
  if (!name.endsWith(PER_SECOND)) return { scales: [[1, name]] };
  const { scales, ...rest } = unitNamed(name.slice(0, -PER_SECOND.length));
  if (rest.isMoney) return { scales: [[1, name]] };
  return { ...rest, scales: scales.map(([factor, symbol]) => [factor, `${symbol}${PER_SECOND}`]) };
}

const NAMES: Record<string, string> = {
  bytes: 'B',
  bits: 'bit',
  seconds: 's',
  milliseconds: 'ms',
  ms: 'ms',
  microseconds: 'µs',
  us: 'µs',
  nanoseconds: 'ns',
  ns: 'ns',
  percent: '%',
  pct: '%',
  ratio: 'ratio',
  celsius: '°C',
  fahrenheit: '°F',
  kelvin: 'K',
  hertz: 'Hz',
  hz: 'Hz',
  watts: 'W',
  volts: 'V',
  amperes: 'A',
  amps: 'A',
  joules: 'J',
  pascals: 'Pa',
  meters: 'm',
  metres: 'm',
  grams: 'g',
  rpm: 'rpm',
  ppm: 'ppm',
  dollars: '$',
  usd: '$',
  euros: '€',
  eur: '€',
};

/** The name of the unit that a metric's name ends in, as in `node_network_bytes_total`; empty without one. */
export function unitOfMetric(metric: string): string {
  // Moments, not lengths of time.
  if (/(timestamp|start_time)_seconds$/.test(metric)) return '';
  const last = metric.toLowerCase().replace(/_(total|sum|avg|min|max)$/, '');
  const word = /_([a-z]+)$/.exec(last)?.[1] ?? '';
  return Object.hasOwn(NAMES, word) ? (NAMES[word] as string) : '';
}

/** Of a rate: bytes become bytes per second, and seconds per second are a plain number. */
export const perSecond = (name: string): string => (name === '' || /^[mµn]?s$/.test(name) ? '' : name + PER_SECOND);

const cents = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** One value, with as many digits as matter. */
export function inUnit(n: number, unit: Unit): string {
  const size = Math.abs(n);
  const [factor, symbol] = scaleOf(unit, size);
  if (!unit.isMoney) return joined(value(n / factor), symbol);
  const text = size >= 1e5 ? short(size) : size >= 0.01 || size === 0 ? cents.format(size) : value(size);
  return `${n < 0 ? '-' : ''}${symbol}${text}`;
}

/** Values `step` apart, all in one size: as many digits as tell them apart. */
export function ticksInUnit(values: readonly number[], step: number, unit: Unit): string[] {
  const largest = Math.max(...values.map(Math.abs), step);
  const [factor, symbol] = scaleOf(unit, largest);
  const least = step / factor;
  const most = largest / factor;
  const needed = Math.min(12, Math.max(0, -Math.floor(Math.log10(least) + 1e-9)));
  // Neither 0.25 as 0.3 nor money as $1.0.
  const digits = unit.isMoney && needed === 1 ? 2 : isExact(least, needed) ? needed : needed + 1;
  const text = (n: number) => {
    if (most >= 1e15 || most < 1e-6) return n === 0 ? '0' : n.toExponential(2);
    if (most >= 1e5 && least >= most / 500) return short(n);
    return n.toFixed(digits);
  };
  return values.map((n) => {
    const number = text(Math.abs(n) / factor);
    const sign = n < 0 && Number(number) !== 0 ? '-' : '';
    return unit.isMoney ? `${sign}${symbol}${number}` : joined(`${sign}${number}`, symbol);
  });
}

const isExact = (n: number, digits: number) => Math.abs(Number(n.toFixed(digits)) - n) < n / 100;
const joined = (number: string, symbol: string) => (symbol ? `${number} ${symbol}` : number);

/** The largest size that a value reaches. */
function scaleOf({ scales }: Unit, size: number): Scale {
  const own = scales.find(([factor]) => factor === 1) ?? scales.at(-1);
  return (size === 0 ? own : (scales.find(([factor]) => size >= factor) ?? scales.at(-1))) as Scale;
}
