/** How GraphiQL reaches the server: HTTP, and for subscriptions the WebSocket that all pages share. */
import type { Fetcher, FetcherParams, Observable, SyncExecutionResult } from '@graphiql/toolkit';
import { type DocumentNode, type ExecutionResult, parse } from 'graphql';
import { ApiError, type GraphQLProblem } from '@/api/errors';
import { asError, socket } from '@/api/live';
import { type Answer, post } from '@/api/query';
import { refusal, refusalOf } from './refusal';

/** What the headers editor holds, with names as HTTP compares them. */
export function headersOf(written: Record<string, unknown> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(written).map(([name, value]) => [name.toLowerCase(), String(value)]));
}

/** Whether the operation that is to run, of those in the document, is a subscription. */
export function isSubscription(document: DocumentNode | undefined, operationName?: string | null): boolean {
  const operations = document?.definitions.filter((part) => part.kind === 'OperationDefinition') ?? [];
  const running = operationName ? operations.find(({ name }) => name?.value === operationName) : operations[0];
  return running?.operation === 'subscription';
}

/** Trouble as a GraphQL answer, which is what GraphiQL shows. */
export const troubleOf = ({ message, code }: ApiError): Answer => ({ errors: [{ message, extensions: { code } }] });

/** GraphiQL wants errors as a server holds them, but only prints them. */
const resultOf = (answer: Answer) => answer as unknown as ExecutionResult;

async function ask(params: FetcherParams, headers: Record<string, string>): Promise<SyncExecutionResult> {
  try {
    const answer = await post(params, headers);
    refusal.set(refusalOf(params.query, answer.errors));
    return resultOf(answer);
  } catch (error) {
    if (error instanceof ApiError) return resultOf(troubleOf(error));
    throw error;
  }
}

function listen({ query, variables, operationName }: FetcherParams, headers: Record<string, string>) {
  const payload = { query, variables, ...(operationName ? { operationName } : {}) };
  const results = {
    subscribe(sink: { next(result: ExecutionResult): void; complete(): void }) {
      const unsubscribe = socket(headers).subscribe(payload, {
        next: (result) => sink.next(result as ExecutionResult),
        error(problem) {
          if (Array.isArray(problem)) refusal.set(refusalOf(query, problem as GraphQLProblem[]));
          sink.next(Array.isArray(problem) ? { errors: problem } : resultOf(troubleOf(asError(problem))));
          sink.complete();
        },
        complete: () => sink.complete(),
      });
      return { unsubscribe };
    },
  };
  // GraphiQL subscribes with an object, never with three functions.
  return results as Observable<ExecutionResult>;
}

function documentOf(query: string): DocumentNode | undefined {
  try {
    return parse(query);
  } catch {
    return undefined;
  }
}

/** GraphiQL reads a new text a moment after it was put in: until then it names an operation of the text before. */
export function nameIn(document: DocumentNode | undefined, operationName?: string | null): string | null {
  const isThere = document?.definitions.some(
    (part) => part.kind === 'OperationDefinition' && part.name?.value === operationName,
  );
  return isThere || !document ? (operationName ?? null) : null;
}

export const createFetcher = (): Fetcher => (params, options) => {
  refusal.set(null);
  const headers = headersOf(options?.headers);
  const document = documentOf(params.query);
  const operationName = nameIn(document, params.operationName);
  const asked = { ...params, operationName };
  return isSubscription(document, operationName) ? listen(asked, headers) : ask(asked, headers);
};
