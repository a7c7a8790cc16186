import { type InfiniteData, keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import type { ApiError } from '@/api/errors';
import type { LetterPageQuery } from '@/api/generated/graphql';
import { useSubscription } from '@/api/live';
import { request, useApi } from '@/api/query';
import { arrived, COUNTED } from './arrivals';
import { type Letter, LetterPage, LetterReasons, LetterStates, LettersArrive } from './documents';
import type { Filter } from './filter';
import type { Pages } from './redrive';

/** Letters come with their payloads, of up to 64 KiB each. */
const PAGE = 25;
/** What another node refused is noticed by asking; this one's is told at once. */
const ASK_AGAIN_MS = 15_000;

/** A letter with its place in the list. */
export type ListedLetter = Letter & { place: Place };

export interface Place {
  filter: Filter;
  /** The cursor of the letter before it, if any. */
  after: string | null;
}

function listed(pages: readonly LetterPageQuery[], filter: Filter): ListedLetter[] {
  let after: string | null = null;
  return pages
    .flatMap(({ deadLetters }) => deadLetters.edges)
    .map(({ cursor, node }) => {
      const place = { filter, after };
      after = cursor;
      return { ...node, place };
    });
}

/** The letters of a filter, page by page. The list stays as it is until it is refreshed. */
export function useLetters(filter: Filter) {
  const query = useInfiniteQuery<
    LetterPageQuery,
    ApiError,
    InfiniteData<LetterPageQuery>,
    readonly unknown[],
    string | null
  >({
    queryKey: [LetterPage.toString(), filter],
    queryFn: ({ pageParam, signal }) => request(LetterPage, { ...filter, first: PAGE, after: pageParam }, signal),
    initialPageParam: null,
    getNextPageParam: ({ deadLetters: { pageInfo } }) => (pageInfo.hasNextPage ? pageInfo.endCursor : undefined),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const letters = useMemo(() => query.data && listed(query.data.pages, filter), [query.data, filter]);
  return { ...query, letters };
}

export const useReasons = () => useApi(LetterReasons, {}, { refetchInterval: ASK_AGAIN_MS });

/** How many letters have come that the list does not show yet. */
export function useArrivals(filter: Filter, listed: readonly { id: string }[] | undefined): number {
  const client = useQueryClient();
  const variables = { ...filter, first: COUNTED };
  const { data: newest, isPlaceholderData } = useApi(LetterStates, variables, { refetchInterval: ASK_AGAIN_MS });
  useSubscription(LettersArrive, {}, ({ pipeline }) => {
    if (pipeline.now.deadLetters === 0) return;
    for (const document of [LetterStates, LetterReasons]) {
      void client.invalidateQueries({ queryKey: [document.toString()] });
    }
  });
  return useMemo(() => {
    if (!listed || !newest || isPlaceholderData) return 0;
    const ids = newest.deadLetters.nodes.map(({ id }) => id);
    return arrived(ids, new Set(listed.map(({ id }) => id)));
  }, [listed, newest, isPlaceholderData]);
}

/** Asks anew for all that the page shows. */
export function useRefresh(): () => void {
  const client = useQueryClient();
  return useCallback(() => {
    for (const document of [LetterPage, LetterReasons, LetterStates]) {
      void client.invalidateQueries({ queryKey: [document.toString()] });
    }
  }, [client]);
}

/** All letters of a filter, as many at once as the server gives. */
export const statesOf =
  (filter: Filter, signal: AbortSignal): Pages =>
  async (after) =>
    (await request(LetterStates, { ...filter, first: 500, after }, signal)).deadLetters;
