import { expect, test } from 'vitest';
import { inUnit, NO_UNIT, perSecond, ticksInUnit, unitNamed, unitOfMetric } from './units';

const written = (name: string, ...values: number[]) => values.map((n) => inUnit(n, unitNamed(name)));
const ticks = (name: string, step: number, ...values: number[]) => ticksInUnit(values, step, unitNamed(name));

test('the unit is what the name of a metric ends in', () => {
  const names = {
    node_memory_free_bytes: 'B',
    http_request_duration_seconds: 's',
    cpu_usage_percent: '%',
    room_celsius: '°C',
    cache_hit_ratio: 'ratio',
    node_network_receive_bytes_total: 'B',
    gc_duration_seconds_sum: 's',
    http_requests_total: '',
    process_start_time_seconds: '',
    bytes: '',
    cpu: '',
    constructor: '',
  };
  for (const [metric, unit] of Object.entries(names)) expect([metric, unitOfMetric(metric)]).toEqual([metric, unit]);
});

test('values are told in the size that keeps them short', () => {
  expect(written('B', 0, 900, 70_123_456, 5e15)).toEqual(['0 B', '900 B', '70.12 MB', '5 PB']);
  expect(written('iB', 1_536, 3 * 2 ** 30)).toEqual(['1.5 KiB', '3 GiB']);
  expect(written('s', 0, 0.0123, 4.2, 7_200, 172_800)).toEqual(['0 s', '12.3 ms', '4.2 s', '2 h', '2 d']);
  expect(written('ms', 12, 1_500)).toEqual(['12 ms', '1.5 s']);
  expect(written('ratio', 0, 0.425)).toEqual(['0 %', '42.5 %']);
  expect(written('%', 42.5)).toEqual(['42.5 %']);
  expect(written('widgets', 3)).toEqual(['3 widgets']);
  expect(inUnit(2.71893, NO_UNIT)).toBe('2.719');
});

test('money stands behind its sign, with cents', () => {
  expect(written('$', 1, -0.5, 0, 1234.5, 2_500_000, 0.001)).toEqual([
    '$1.00',
    '-$0.50',
    '$0.00',
    '$1,234.50',
    '$2.5M',
    '$0.001',
  ]);
});

test('a rate is per second, but of seconds a plain number', () => {
  expect(['B', 's', ''].map(perSecond)).toEqual(['B/s', '', '']);
  expect(written('B/s', 70e6)).toEqual(['70 MB/s']);
});

test('ticks of one axis have one size, and digits that tell them apart', () => {
  expect(ticks('B', 20e6, 0, 20e6, 40e6)).toEqual(['0 MB', '20 MB', '40 MB']);
  expect(ticks('$', 0.5, 0, 0.5, 1)).toEqual(['$0.00', '$0.50', '$1.00']);
  expect(ticks('$', 20, -20, 0, 20)).toEqual(['-$20', '$0', '$20']);
  expect(ticks('s', 600, 0, 600, 1_200)).toEqual(['0 min', '10 min', '20 min']);
  expect(ticks('%', 2.5, 0, 2.5, 5)).toEqual(['0.0 %', '2.5 %', '5.0 %']);
  expect(ticks('', 0.25, 0, 0.25, 0.5)).toEqual(['0.00', '0.25', '0.50']);
});

test('ticks without a unit have as many digits as tell them apart', () => {
  expect(ticks('', 0.5, 0, 0.5, 1)).toEqual(['0.0', '0.5', '1.0']);
  expect(ticks('', 50, 0, 50, 100)).toEqual(['0', '50', '100']);
  expect(ticks('', 20e6, 0, 20e6)).toEqual(['0', '20M']);
  expect(ticks('', 0.00005, 0.0001, 0.00015)).toEqual(['0.00010', '0.00015']);
  expect(ticks('', 2e-9, 0, 2e-9)).toEqual(['0', '2.00e-9']);
  expect(ticks('', 1, 1_000_000, 1_000_001)).toEqual(['1000000', '1000001']);
  expect(ticks('°C', 1, 1, 2)).toEqual(['1 °C', '2 °C']);
});
