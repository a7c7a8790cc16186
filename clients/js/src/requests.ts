/** Queries and mutations, over HTTP. */
import type { Authorization } from '../resume/authorization.js';
import { asError, type GraphQLProblem, StreamSyncError } from './errors.js';

/** A GraphQL document with the types of its answer and variables, as graphql-codegen makes it with `documentMode: 'string'`. */
export interface TypedDocument<Result, Variables> {
  toString(): string;
  __apiType?: ((variables: Variables) => Result) | undefined;
}

interface Answer {
  data?: unknown;
  errors?: GraphQLProblem[];
}

export type Post = (body: object, signal?: AbortSignal) => Promise<unknown>;

/** Asks, once more with another token where that was refused, and gives the data. */
export function poster(url: URL, fetch: typeof globalThis.fetch, auth: Authorization | undefined): Post {
  return async (body, signal) => {
    const send = async () =>
      fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', ...(await auth?.headers()) },
        body: JSON.stringify(body),
        signal: signal ?? null,
      });
    let response: Response;
    try {
      response = await send();
      if (response.status === 401 && auth) response = await send();
    } catch (error) {
      signal?.throwIfAborted();
      throw asError(error);
    }
    const answer = (await response.json().catch(() => undefined)) as Answer | undefined;
    if (answer?.errors?.length) throw asError(answer.errors);
    if (!answer?.data) throw new StreamSyncError(`the server answered ${response.status}`, `HTTP_${response.status}`);
    return answer.data;
  };
}
