'use client';

import { Button } from '@/ui/button';
import { clock, count } from '@/ui/format';
import { Empty, Loading, Trouble } from '@/ui/states';
import { ChoiceBar } from './choice-bar';
import type { StreamRecord } from './documents';
import { outcomeOf, tally } from './outcome';
import { RecordRow } from './record-row';
import { useChoice, useRecords, useStreamNames } from './use-records';

export function Records() {
  const [choice, choose] = useChoice();
  const streams = useStreamNames();
  const named = streams.data?.pipeline.streams.map(({ name }) => name).sort();
  const stream = choice.stream ?? named?.[0];
  const { data, error, isFetching, isPlaceholderData, dataUpdatedAt, refetch } = useRecords(
    stream,
    Number(choice.last),
  );
  const records = data?.records;
  const shown = records?.filter((record) => choice.show === null || outcomeOf(record) === choice.show);
  return (
    <div className="flex flex-col gap-4">
      <div className="flex min-h-8 flex-wrap items-center gap-3">
        <h1 className="mr-auto font-semibold text-lg">Records</h1>
        <span role="status" className="text-muted text-xs tabular-nums">
          {shown && !isPlaceholderData && `${count(shown.length)} shown, read at ${clock(dataUpdatedAt)}`}
        </span>
      </div>
      <p className="max-w-prose text-muted">
        The last records of a stream in Kafka, newest first, and what becomes of each by the stream’s settings as they
        are now. Looking stores nothing.
      </p>
      {streams.error && !named && <Trouble error={streams.error} onRetry={() => void streams.refetch()} />}
      {stream !== undefined && (
        <ChoiceBar
          choice={{ ...choice, stream }}
          streams={[...new Set([...(named ?? []), stream])].sort()}
          counts={records && tally(records)}
          isReading={isFetching}
          onChoose={choose}
          onRefresh={() => void refetch()}
        />
      )}
      {named?.length === 0 && stream === undefined && (
        <Empty title="There is no stream yet">
          A stream reads one Kafka topic. Name one in <code>streamsync.toml</code> and start the server again.
        </Empty>
      )}
      {error && <Trouble error={error} onRetry={() => void refetch()} />}
      {!records && !error && !streams.error && named?.length !== 0 && (
        <Loading label="The records are on their way" className="h-96" />
      )}
      {stream !== undefined && shown && shown.length > 0 && (
        <List key={stream} stream={stream} records={shown} isStale={isPlaceholderData} />
      )}
      {records?.length === 0 && <Empty title="The topic of this stream holds no records" />}
      {records && records.length > 0 && shown?.length === 0 && (
        <Empty title="No record that was read is of this kind">
          <Button onClick={() => choose({ ...choice, show: null })}>Show all</Button>
        </Empty>
      )}
    </div>
  );
}

interface ListProps {
  stream: string;
  records: readonly StreamRecord[];
  isStale: boolean;
}

function List({ stream, records, isStale }: ListProps) {
  return (
    <section aria-label="Records and what becomes of them" aria-busy={isStale} className={isStale ? 'opacity-60' : ''}>
      <div
        aria-hidden="true"
        className="hidden gap-x-4 px-3 pb-1 text-muted text-xs md:grid md:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]"
      >
        <span>Record</span>
        <span>What becomes of it</span>
      </div>
      <ul className="overflow-hidden rounded-lg border border-line bg-card">
        {records.map((record) => (
          <RecordRow key={`${record.partition}/${record.offset}`} stream={stream} record={record} />
        ))}
      </ul>
    </section>
  );
}
