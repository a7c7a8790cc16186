import { expect, test } from 'vitest';
import { inUnit } from '@/ui/units';
import { newPanel } from './dashboard';
import { unitOf } from './panel-unit';

const written = (metric: string, rest = {}) => inUnit(70e6, unitOf(newPanel({ metric, matchers: [] }, rest)));

test('a panel has the unit of its metric until another is chosen', () => {
  expect(written('network_in_bytes')).toBe('70 MB');
  expect(written('network_in_bytes', { unit: 'req' })).toBe('70,000,000 req');
  expect(written('network_in_bytes', { unit: 'none' })).toBe('70,000,000');
  expect(written('cpu', { unit: 'B' })).toBe('70 MB');
});

test('rates are per second, and numbers of points have no unit', () => {
  expect(written('network_in_bytes_total', { method: 'rate' })).toBe('70 MB/s');
  expect(written('network_in_bytes', { method: 'count' })).toBe('70,000,000');
  expect(written('network_in_bytes', { group: { across: 'count', by: [] } })).toBe('70,000,000');
});
