import { useMemo } from 'react';
import { useConnection } from '@/api/live';
import { useApi } from '@/api/query';
import { choose, METRICS_ASKED } from './choose';
import { MetricNames } from './documents';
import { newestOf, pointsOf } from './newest-question';

const METRICS_EVERY_MS = 15_000;
/** While nothing has come yet, the first points are to show soon. */
const FIRST_EVERY_MS = 2_000;
const VALUES_EVERY_MS = 1_000;

/** The metrics, and the newest values of as many as have room. */
export function useNewest() {
  const away = useConnection() === 'reconnecting';
  const names = useApi(
    MetricNames,
    { first: METRICS_ASKED },
    {
      retry: false,
      refetchInterval: ({ state }) => (state.data?.metrics.length ? METRICS_EVERY_MS : FIRST_EVERY_MS),
    },
  );
  const chosen = useMemo(() => (names.data ? choose(names.data.metrics) : undefined), [names.data]);
  const question = useMemo(() => newestOf(chosen?.shown ?? []), [chosen]);
  const values = useApi(question.document, question.variables, {
    retry: false,
    enabled: Boolean(chosen?.shown.length),
    refetchInterval: away ? false : VALUES_EVERY_MS,
  });
  return {
    chosen,
    values: values.data && pointsOf(question, values.data),
    error: chosen ? (values.data ? null : values.error) : names.error,
    /** When the values came, and whether they could not be had since. */
    at: values.dataUpdatedAt ? new Date(values.dataUpdatedAt).toISOString() : undefined,
    stale: values.data !== undefined && (away || values.isError),
    again: () => void (chosen ? values : names).refetch(),
  };
}
