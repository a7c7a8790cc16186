/** Which fields of an operation the server refused, in words. */
import { type GraphQLProblem, isForbidden } from '@/api/errors';
import { store } from '@/api/store';

/** Of the operation that ran last. */
export const refusal = store<string | null>(null);

export function refusalOf(query: string, problems: readonly GraphQLProblem[] = []): string | null {
  const refused = problems.filter(isForbidden);
  if (refused.length === 0) return null;
  return refused.map((problem) => `${fieldOf(query, problem)} is forbidden: ${problem.message}.`).join(' ');
}

/** It is known by its path, or by where it stands in the text. */
function fieldOf(query: string, { path, locations }: GraphQLProblem): string {
  const { line = 0, column = 0 } = locations?.[0] ?? {};
  const text = query.split(/\r?\n/)[line - 1]?.slice(column - 1) ?? '';
  const [, field = path?.[0]] = /^(?:\w+\s*:\s*)?([_A-Za-z]\w*)/.exec(text) ?? [];
  return field === undefined ? 'The operation' : `‘${field}’`;
}
