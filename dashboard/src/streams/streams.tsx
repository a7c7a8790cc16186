'use client';

import { useState } from 'react';
import { Select, TextField } from '@/ui/fields';
import { AsOf, Stale, useStale } from '@/ui/stale';
import { Empty, Loading, Trouble } from '@/ui/states';
import { KeptCards } from './kept-cards';
import { matching, ORDERS, type Order, rowsOf, sorted } from './rows';
import { StreamTable } from './stream-table';
import { useStreams } from './use-streams';
import { Writers } from './writers';

export function Streams() {
  const { now, settings, rates, writerRates, waiting, error, again } = useStreams();
  const [search, setSearch] = useState('');
  const [order, setOrder] = useState<Order>('attention');
  const stale = useStale(now);
  const all = now ? rowsOf(now.streams, now.partitions, rates) : [];
  const rows = sorted(matching(all, search), order);
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-end gap-3">
        <h1 className="mr-auto font-semibold text-lg">Streams</h1>
        <AsOf stale={stale} at={now?.at} />
        <TextField label="Name or topic" type="search" value={search} onChange={(e) => setSearch(e.target.value)} />
        <Select<Order> label="Order by" value={order} options={ORDERS} onChange={setOrder} />
      </div>
      {error && <Trouble error={error} onRetry={again} />}
      {!now && !error && <Loading label="The streams are on their way" className="h-dvh" />}
      {now && all.length === 0 && (
        <Empty title="There is no stream yet">
          A stream reads one Kafka topic. Name one in <code>streamsync.toml</code> and start the server again.
        </Empty>
      )}
      {all.length > 0 && rows.length === 0 && <Empty title="No stream has this name or topic" />}
      {rows.length > 0 && (
        <Stale stale={stale}>
          <StreamTable rows={rows} settings={settings} waiting={waiting} openAll={all.length === 1} />
        </Stale>
      )}
      {now && <Writers writers={now.writers} rates={writerRates} />}
      {now && <KeptCards partitions={now.partitions} />}
    </div>
  );
}
