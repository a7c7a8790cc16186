import { expect, test } from 'vitest';
import { exploreLink } from './link';

test('a link names the metric and each label', () => {
  const labels = [
    { name: 'site', value: 'north' },
    { name: 'device', value: 'a=b&c d' },
  ];
  expect(exploreLink({ metric: 'cpu', labels })).toBe(
    '/explore?metric=cpu&label=site%3Dnorth&label=device%3Da%3Db%26c%20d',
  );
});

test('a link without a choice offers all there is', () => {
  expect(exploreLink({})).toBe('/explore?new');
});
