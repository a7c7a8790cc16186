'use client';

import { useEffect, useRef } from 'react';
import 'uplot/dist/uPlot.min.css';
import { useStore } from '@/api/store';
import { time } from '@/ui/format';
import { Loading } from '@/ui/states';
import type { FeedState } from './feed';
import type { PanelController } from './panel-controller';
import { Tooltip } from './tooltip';

interface Props {
  controller: PanelController;
  title: string;
}

export function PanelChart({ controller, title }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const { state } = useStore(controller.feed.news);
  const lines = useStore(controller.lines);
  useEffect(() => (element.current ? controller.mount(element.current) : undefined), [controller]);
  const summary = `${title}: ${lines.length === 1 ? 'one line' : `${lines.length} lines`} over time.`;
  return (
    <div className="relative">
      <div
        ref={element}
        role="application"
        aria-roledescription="chart"
        aria-label={`${summary} Arrow keys move in time, plus and minus zoom, Home returns to live. The menu has the points as a table.`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: keys move its window
        tabIndex={0}
        className={`h-56 w-full overflow-hidden sm:h-64 ${state.kind === 'reconnecting' ? 'opacity-60' : ''}`}
      />
      <Instead state={state} metric={controller.panel.selector.metric} />
      <Tooltip controller={controller} />
    </div>
  );
}

/** Over the empty axes, so that nothing moves when the lines come. */
function Instead({ state, metric }: { state: FeedState; metric: string }) {
  if (state.kind === 'loading') return <Loading label="The chart is loading" className="absolute inset-0" />;
  const text = textInstead(state, metric);
  if (!text) return null;
  return (
    <p className="pointer-events-none absolute inset-0 flex items-center justify-center p-4 text-center text-muted">
      <span className="rounded bg-card px-2 py-1">{text}</span>
    </p>
  );
}

function textInstead(state: FeedState, metric: string): string | undefined {
  if (state.kind === 'blank') return 'Choose a metric.';
  if (state.kind !== 'empty') return undefined;
  if (state.missing === 'metric') return `There is no metric “${metric}”.`;
  if (state.missing === 'series') return 'No series matches these labels.';
  return `No data in this range.${state.newest === undefined ? '' : ` The newest point is of ${time(state.newest)}.`}`;
}
