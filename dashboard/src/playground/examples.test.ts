import { readFileSync } from 'node:fs';
import { buildSchema, coerceInputValue, parse, typeFromAST, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { EXAMPLES, variablesOf } from './examples';

const schema = buildSchema(readFileSync(new URL('../../../schema.graphql', import.meta.url), 'utf8'));

describe.each(EXAMPLES)('the example "$title"', (example) => {
  const document = parse(example.query);

  it('is valid in the schema that the server serves', () => {
    expect(validate(schema, document)).toEqual([]);
  });

  it('is one operation, named, so that its tab has a title', () => {
    expect(document.definitions).toHaveLength(1);
    expect(example.query).toMatch(/^(query|mutation|subscription) \w+/m);
  });

  it('brings the variables that it declares, and no other', () => {
    const given = JSON.parse(variablesOf(example, new Date(0)) || '{}');
    const [operation] = document.definitions;
    if (operation?.kind !== 'OperationDefinition') throw new Error('not an operation');
    const declared = operation.variableDefinitions ?? [];
    expect(Object.keys(given)).toEqual(declared.map(({ variable }) => variable.name.value));
    for (const { variable, type } of declared) {
      const input = typeFromAST(schema, type as never);
      expect(input).toBeDefined();
      expect(() => coerceInputValue(given[variable.name.value], input as never)).not.toThrow();
    }
  });
});
