import type { PipelineNowFragment, StageName } from '@/api/generated/graphql';
import { Bar } from '@/ui/bar';
import { count, short } from '@/ui/format';
import { Pill } from '@/ui/pill';
import { FlowArrow } from './flow-arrow';
import { flowInto, STAGE_STATES, STAGES, why } from './stages';

type Stage = PipelineNowFragment['stages'][number];

/** Its size does not depend on whether `stage` is known yet. */
export function StageCard({ name, stage }: { name: StageName; stage: Stage | undefined }) {
  const { title, does, unit } = STAGES[name];
  const state = stage && STAGE_STATES[stage.state];
  return (
    <li className="relative flex min-w-0 flex-col rounded-lg border border-line bg-page p-3">
      {name !== 'SOURCE' && <FlowArrow flow={stage ? flowInto(stage) : 'still'} />}
      <div className="flex items-center justify-between gap-2">
        <h3 className="font-medium">{title}</h3>
        <Pill tone={state?.tone ?? 'quiet'}>{state?.title ?? '…'}</Pill>
      </div>
      <p className="text-muted text-xs">{does}</p>
      <p className="mt-2 h-7 whitespace-nowrap">
        {stage ? (
          <>
            <span className="font-semibold text-lg tabular-nums">{short(stage.rate)}</span>{' '}
            <span className="text-muted">{unit}/s</span>
          </>
        ) : (
          <span className="inline-block h-5 w-20 rounded bg-raised motion-safe:animate-pulse" />
        )}
      </p>
      <p className="h-5 truncate text-muted text-xs tabular-nums">{stage && `${count(stage.total)} since the start`}</p>
      <div className="mt-2 flex items-center gap-2 text-muted text-xs">
        Pressure
        <Bar share={stage?.pressure ?? 0} label={`Pressure on ${title}`} className="min-w-0 flex-1" />
        <span className="w-11 shrink-0 whitespace-nowrap text-right tabular-nums">
          {stage ? `${Math.round(stage.pressure * 100)} %` : '–'}
        </span>
      </div>
      <p className="mt-2 min-h-5 break-words">{stage && why(stage)}</p>
    </li>
  );
}
