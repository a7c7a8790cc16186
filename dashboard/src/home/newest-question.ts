/**
 * One question for the newest values of several metrics. Each is asked for by its exact name, which
 * the server finds in an index; a pattern over all names would try every series.
 */
import { type NewestPointFragment, TypedDocumentString } from '@/api/generated/graphql';
import { SERIES_SHOWN } from './choose';
import { NewestPoint } from './documents';

export type Answer = Record<string, NewestPointFragment[]>;
type Variables = Record<string, string>;

export interface Question {
  document: TypedDocumentString<Answer, Variables>;
  variables: Variables;
}

export function newestOf(metrics: readonly { name: string }[]): Question {
  const variables = Object.fromEntries(metrics.map(({ name }, at) => [`m${at}`, name]));
  const names = Object.keys(variables);
  const declared = names.map((name) => `$${name}: String!`).join(', ');
  const fields = names.map((name) => `${name}: latest(selector: { metric: $${name} }) { ...NewestPoint }`);
  const text = `query NewestValues(${declared}) { ${fields.join(' ')} }\n${NewestPoint}`;
  return { document: new TypedDocumentString(text), variables };
}

/** In the order of the question: the fields of an answer come in any. A metric may have got more series meanwhile. */
export const pointsOf = ({ variables }: Question, answer: Answer): NewestPointFragment[] =>
  Object.keys(variables)
    .flatMap((name) => answer[name] ?? [])
    .slice(0, SERIES_SHOWN);
