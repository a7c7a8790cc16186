import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { newestOf } from './newest-question';

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
