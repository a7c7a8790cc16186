'use client';

import type { PartitionNowFragment } from '@/api/generated/graphql';
import { useApi } from '@/api/query';
import { Card } from '@/ui/card';
import { count } from '@/ui/format';
import { AsOf, Stale } from '@/ui/stale';
import { Loading, Trouble } from '@/ui/states';
import { Kept } from './documents';
import { Gaps } from './gaps';
import { StorageView } from './storage-view';

const EVERY_MS = 10_000;

/** What is in Postgres, of all nodes. */
export function KeptCards({ partitions }: { partitions: readonly PartitionNowFragment[] }) {
  const { data, error, isError, dataUpdatedAt, refetch } = useApi(
    Kept,
    {},
    { refetchInterval: EVERY_MS, retry: false },
  );
  const kept = data?.pipeline;
  const aside = <AsOf stale={isError && kept !== undefined} at={new Date(dataUpdatedAt).toISOString()} />;
  if (!kept) {
    return error ? (
      <Trouble error={error} onRetry={() => void refetch()} />
    ) : (
      <Loading label="What is stored is on its way" className="h-96" />
    );
  }
  const own = new Set(partitions.map(({ topic, partition }) => `${topic}/${partition}`));
  const elsewhere = kept.offsets?.filter(({ topic, partition }) => !own.has(`${topic}/${partition}`)).length ?? 0;
  return (
    <Stale stale={isError} className="flex flex-col gap-4">
      {elsewhere > 0 && partitions.length > 0 && (
        <p className="text-muted">{count(elsewhere)} more partitions are stored that this node does not read.</p>
      )}
      <Card title="Storage" aside={aside}>
        {kept.storage ? <StorageView storage={kept.storage} /> : <PostgresAway />}
      </Card>
      <Card title="Lost offsets">{kept.gaps ? <Gaps gaps={kept.gaps} /> : <PostgresAway />}</Card>
    </Stale>
  );
}

const PostgresAway = () => (
  <p>
    <span aria-hidden="true" className="text-warn">
      ▲
    </span>{' '}
    Postgres does not answer. This shows again when it does.
  </p>
);
