import { expect, test } from 'vitest';
import { refusalOf } from './refusal';

const forbidden = (line: number, column: number) => ({
  message: "your role does not allow this; it needs 'operate'",
  locations: [{ line, column }],
  extensions: { code: 'FORBIDDEN' },
});

test('a forbidden field is named, by where it stands', () => {
  const query = 'mutation Redrive {\n  again: redriveDeadLetters(ids: []) { sent }\n}';
  expect(refusalOf(query, [forbidden(2, 3)])).toBe(
    "‘redriveDeadLetters’ is forbidden: your role does not allow this; it needs 'operate'.",
  );
});

test('other errors are no refusal', () => {
  expect(refusalOf('{ a }', [{ message: 'no', extensions: { code: 'BAD_REQUEST' } }])).toBeNull();
  expect(refusalOf('{ a }')).toBeNull();
});
