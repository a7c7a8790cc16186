/** Queries and mutations over HTTP. */
import { keepPreviousData, QueryClient, type UseQueryOptions, useQuery } from '@tanstack/react-query';
import { onTurn, refresh } from './auth';
import { ApiError, type GraphQLProblem, isForbidden } from './errors';
import type { TypedDocumentString } from './generated/graphql';
import { send } from './http';

export type { TypedDocumentString };

/** What came, with or without errors beside its data. */
export interface Answer {
  data?: unknown;
  errors?: GraphQLProblem[];
}

/** Throws only where no answer came, or one that is no GraphQL. */
export async function post(body: object, headers: Record<string, string>, signal?: AbortSignal): Promise<Answer> {
  const response = await send('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(body),
    signal,
  });
  const answer = await response.json().catch(() => undefined);
  if (!answer?.data && !answer?.errors) {
    throw new ApiError(`The server answered ${response.status}.`, `HTTP_${response.status}`);
  }
  if (response.ok && answer.errors?.some(isForbidden)) void refresh();
  return answer;
}

export async function request<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Result> {
  const { data, errors = [] } = await post({ query: document.toString(), variables }, {}, signal);
  // A field that is null because of its error beside others that are not: what came is of use.
  if (!data) throw ApiError.of(errors);
  return data as Result;
}

type Options<Result> = Omit<UseQueryOptions<Result, ApiError>, 'queryKey' | 'queryFn'>;

/** Asks, keeps the last answer on the page while the next one is on its way, and asks again after trouble that passes. */
export function useApi<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  options?: Options<Result>,
) {
  return useQuery<Result, ApiError>({
    queryKey: [document.toString(), variables],
    queryFn: ({ signal }) => request(document, variables, signal),
    placeholderData: keepPreviousData,
    ...options,
  });
}

export function createQueryClient(): QueryClient {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        retry: (failures, error) => error instanceof ApiError && error.passes && failures < 5,
        staleTime: 5_000,
      },
    },
  });
  // What one saw is not for another.
  onTurn(() => client.clear());
  return client;
}
