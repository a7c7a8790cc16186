import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { newestOf, pointsOf } from './newest-question';

test('each metric is asked for by its exact name, all in one question', () => {
  const { document, variables } = newestOf([{ name: 'cpu' }, { name: 'a.b"c' }]);
  expect(variables).toEqual({ m0: 'cpu', m1: 'a.b"c' });
  expect(document.toString()).toContain(
    'query NewestValues($m0: String!, $m1: String!) { m0: latest(selector: { metric: $m0 }) { ...NewestPoint } m1:',
  );
});

test('the question is valid GraphQL', () => {
  expect(() => parse(newestOf([{ name: 'cpu' }]).document.toString())).not.toThrow();
});

test('values keep the order of the question, whichever came first', () => {
  const point = (metric: string) => ({ series: { key: metric, metric, labels: [] }, ts: '', value: 0 });
  const question = newestOf([{ name: 'a' }, { name: 'b' }]);
  const keys = pointsOf(question, { m1: [point('b')], m0: [point('a')] }).map(({ series }) => series.key);
  expect(keys).toEqual(['a', 'b']);
});

test('a metric that has got very many series meanwhile does not fill the page', () => {
  const point = { series: { key: 'a', metric: 'a', labels: [] }, ts: '', value: 0 };
  expect(pointsOf(newestOf([{ name: 'a' }]), { m0: Array(100_000).fill(point) })).toHaveLength(24);
});
