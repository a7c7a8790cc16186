import type { PipelineNowFragment, StageName } from '@/api/generated/graphql';
import { Bar } from '@/ui/bar';
import { Card } from '@/ui/card';
import { bytes } from '@/ui/format';
import { Pill } from '@/ui/pill';
import { StageCard } from './stage-card';
import { PIPELINE_STATES, sentence } from './stages';

const ORDER: readonly StageName[] = ['SOURCE', 'TRANSFORM', 'STORE', 'LIVE'];

export function PipelineCard({ status }: { status: PipelineNowFragment | undefined }) {
  const state = status && PIPELINE_STATES[status.state];
  return (
    <Card title="Pipeline" aside={<Pill tone={state?.tone ?? 'quiet'}>{state?.title ?? '…'}</Pill>}>
      <div aria-live="polite">
        <Sentences title="What is missing" tone="text-bad" mark="■" lines={status?.missing} />
        <Sentences title="What it does without" tone="text-warn" mark="▲" lines={status?.degraded} />
      </div>
      <ol aria-label="Stages, in the order of flow" className="grid gap-8 lg:grid-cols-4">
        {ORDER.map((name) => (
          <StageCard key={name} name={name} stage={status?.stages.find((stage) => stage.name === name)} />
        ))}
      </ol>
      <Budget credits={status?.credits} />
    </Card>
  );
}

function Sentences({
  title,
  tone,
  mark,
  lines = [],
}: {
  title: string;
  tone: string;
  mark: string;
  lines: string[] | undefined;
}) {
  if (lines.length === 0) return null;
  return (
    <ul aria-label={title} className="mb-3 flex flex-col gap-1">
      {lines.map((line) => (
        <li key={line} className="break-words">
          <span aria-hidden="true" className={tone}>
            {mark}
          </span>{' '}
          {sentence(line)}
        </li>
      ))}
    </ul>
  );
}

/** The bracket spans the stages that take from the budget. */
function Budget({ credits }: { credits: PipelineNowFragment['credits'] | undefined }) {
  const share = credits && credits.total > 0 ? credits.held / credits.total : 0;
  return (
    <div className="mt-4 grid gap-8 lg:grid-cols-4">
      <div className="rounded-b-lg border-line px-3 lg:col-span-3 lg:border-x lg:border-b lg:pb-2">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <span>Memory budget</span>
          <Bar share={share} label="Memory budget in use" className="min-w-0 flex-1 basis-24" />
          <span className="text-muted tabular-nums">
            {credits ? `${bytes(credits.held)} of ${bytes(credits.total)}` : '–'}
          </span>
        </div>
        <p className="text-muted text-xs">
          Records between Kafka and Postgres take from it. When it is full, Source waits until Store has committed.
        </p>
      </div>
    </div>
  );
}
