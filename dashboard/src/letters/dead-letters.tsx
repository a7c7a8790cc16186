'use client';

import { useState } from 'react';
import { useMay } from '@/api/auth';
import { Button } from '@/ui/button';
import { Empty, Loading, Trouble } from '@/ui/states';
import { sayArrived } from './arrivals';
import { ConfirmRedrive } from './confirm-redrive';
import { EVERYTHING, isNarrow, waiting } from './filter';
import { FilterBar } from './filter-bar';
import { LetterList } from './letter-list';
import { ReasonsOverview } from './reasons-overview';
import { RedriveReport } from './redrive-report';
import { useFilter } from './use-filter';
import { useArrivals, useLetters, useReasons, useRefresh } from './use-letters';
import { type Target, useRedrive } from './use-redrive';

export function DeadLetters() {
  const [filter, setFilter] = useFilter();
  const { letters, error, isPlaceholderData, hasNextPage, isFetchingNextPage, fetchNextPage } = useLetters(filter);
  const { data: reasons, error: reasonsError } = useReasons();
  const fresh = useArrivals(filter, isPlaceholderData ? undefined : letters);
  const refresh = useRefresh();
  const redrive = useRedrive(refresh);
  const mayRedrive = useMay('operate');
  const [asked, ask] = useState<Target | null>(null);

  const counts = reasons?.deadLetterReasons ?? [];
  const answer = (yes: boolean) => {
    if (yes && asked) void redrive.start(asked);
    ask(null);
  };
  const trouble = error ?? reasonsError;
  return (
    <>
      <div className="mb-3 flex min-h-8 flex-wrap items-center gap-3">
        <h1 className="font-semibold text-lg">Dead letters</h1>
        <span role="status">{fresh > 0 && <Button onClick={refresh}>▲ {sayArrived(fresh)}: show</Button>}</span>
      </div>
      <ReasonsOverview counts={counts} filter={filter} onChoose={setFilter} />
      {redrive.run && <RedriveReport run={redrive.run} onStop={redrive.stop} onDismiss={redrive.dismiss} />}
      <FilterBar filter={filter} counts={counts} onChange={setFilter} />
      {trouble && (
        <div className="mb-3">
          <Trouble error={trouble} onRetry={refresh} />
        </div>
      )}
      {!letters && !error && <Loading label="The dead letters are loading" className="h-96" />}
      {letters && letters.length > 0 && (
        <LetterList
          letters={letters}
          everything={{ filter: { ...filter, resolved: false }, waiting: waiting(filter, counts) }}
          isStale={isPlaceholderData}
          more={hasNextPage ? { isLoading: isFetchingNextPage, load: () => void fetchNextPage() } : null}
          onRedrive={mayRedrive ? ask : null}
        />
      )}
      {letters?.length === 0 &&
        (isNarrow(filter) ? (
          <Empty title="No letter is of this kind">
            <Button onClick={() => setFilter({ ...EVERYTHING, resolved: filter.resolved })}>Show all</Button>
          </Empty>
        ) : (
          <Nothing />
        ))}
      <ConfirmRedrive target={asked} onAnswer={answer} />
    </>
  );
}

function Nothing() {
  return (
    <Empty title="Nothing was refused">
      Records that cannot be stored appear here with their payload, origin and reason. None waiting: every record read
      so far became points, was skipped by a rule of its stream, or was stored by a redrive.
    </Empty>
  );
}
