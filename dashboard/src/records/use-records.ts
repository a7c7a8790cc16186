import { useSearchParams } from 'next/navigation';
import { useMemo } from 'react';
import type { LastRecordsQuery } from '@/api/generated/graphql';
import { useApi } from '@/api/query';
import { type Choice, choiceOf, searchOf } from './choice';
import { LastRecords, StreamNames } from './documents';

/** What the page's address chooses, and how to choose something else: each change is a step that `back` undoes. */
export function useChoice(): [Choice, (next: Choice) => void] {
  const search = useSearchParams().toString();
  const choice = useMemo(() => choiceOf(new URLSearchParams(search)), [search]);
  const choose = (next: Choice) => window.history.pushState(null, '', `${window.location.pathname}${searchOf(next)}`);
  return [choice, choose];
}

export const useStreamNames = () => useApi(StreamNames, {});

/** Read when the page opens and when somebody asks: they stay while somebody reads. */
export const useRecords = (stream: string | undefined, last: number) =>
  useApi(
    LastRecords,
    { stream: stream ?? '', last },
    {
      enabled: stream !== undefined,
      retry: false,
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnMount: 'always',
      // Those of another stream must not stand under this one's name.
      placeholderData: (before: LastRecordsQuery | undefined, query) =>
        isOf(query?.queryKey, stream) ? before : undefined,
    },
  );

const isOf = (key: readonly unknown[] | undefined, stream: string | undefined): boolean =>
  (key?.[1] as { stream: string } | undefined)?.stream === stream;
