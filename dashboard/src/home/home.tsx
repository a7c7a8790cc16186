'use client';

import { useSeesAllStreams } from '@/api/auth';
import { AsOf, Stale, useStale } from '@/ui/stale';
import { Trouble } from '@/ui/states';
import { NewestValues } from './newest-values';
import { PipelineCard } from './pipeline-card';
import { Tiles } from './tiles';
import { usePipeline } from './use-pipeline';

export function Home() {
  // What is counted over all streams is for those who see all of them.
  const whole = useSeesAllStreams();
  return (
    <div className="flex flex-col gap-4">
      {whole ? <Flow /> : <h1 className="font-semibold text-lg">Overview</h1>}
      <NewestValues />
    </div>
  );
}

function Flow() {
  const { status, samples, error, again } = usePipeline();
  const stale = useStale(status);
  return (
    <>
      <div className="flex items-baseline justify-between gap-3">
        <h1 className="font-semibold text-lg">Overview</h1>
        <AsOf stale={stale} at={status?.at} />
      </div>
      {error && <Trouble error={error} onRetry={again} />}
      <Stale stale={stale} className="flex flex-col gap-4">
        <Tiles samples={samples} />
        <PipelineCard status={status} />
      </Stale>
    </>
  );
}
