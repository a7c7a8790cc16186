'use client';

import { useEffect, useState } from 'react';
import { useStore } from '@/api/store';
import { time } from '@/ui/format';
import { Pill, type Tone } from '@/ui/pill';
import { Loading, Trouble } from '@/ui/states';
import { type Panel, titleOf } from './dashboard';
import { exposePanel } from './expose';
import type { FeedState } from './feed';
import { Legend } from './legend';
import { PanelChart } from './panel-chart';
import { PanelController } from './panel-controller';
import type { Views } from './views';

const SHOWN: Record<FeedState['kind'], [Tone, string]> = {
  loading: ['quiet', 'Loading'],
  live: ['good', 'Live'],
  paused: ['quiet', 'Paused'],
  reconnecting: ['warn', 'Resuming'],
  empty: ['quiet', 'No data'],
  error: ['bad', 'Error'],
};

export function PanelCard({ panel, views }: { panel: Panel; views: Views }) {
  const controller = usePanelController(panel, views);
  return controller && <Body panel={panel} controller={controller} />;
}

function Body({ panel, controller }: { panel: Panel; controller: PanelController }) {
  const { state } = useStore(controller.feed.news);
  const [tone, text] = SHOWN[state.kind];
  return (
    <section
      data-panel={panel.id}
      data-state={state.kind}
      aria-label={titleOf(panel)}
      className="min-w-0 rounded-lg border border-line bg-card p-3"
    >
      <div className="mb-2 flex items-center gap-2">
        <h2 className="mr-auto truncate font-medium">{titleOf(panel)}</h2>
        <Pill tone={tone}>{text}</Pill>
      </div>
      <div className="relative">
        <PanelChart controller={controller} summary={titleOf(panel)} dimmed={state.kind === 'reconnecting'} />
        {state.kind === 'loading' && <Loading label="The chart is loading" className="absolute inset-0" />}
        {state.kind === 'empty' && (
          <p className="absolute inset-0 flex items-center justify-center text-muted">
            No data in this range. {state.newest && `The newest point is of ${time(state.newest)}.`}
          </p>
        )}
      </div>
      {state.kind === 'error' && <Trouble error={state.error} onRetry={() => controller.feed.reload()} />}
      <Legend controller={controller} />
    </section>
  );
}

function usePanelController(panel: Panel, views: Views): PanelController | undefined {
  const [controller, setController] = useState<PanelController>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a panel that changes keeps its controller
  useEffect(() => {
    const created = new PanelController(panel, views);
    setController(created);
    const hide = exposePanel(created);
    return () => {
      hide();
      created.stop();
    };
  }, [panel.id, views]);
  useEffect(() => controller?.update(panel), [controller, panel]);
  return controller;
}
