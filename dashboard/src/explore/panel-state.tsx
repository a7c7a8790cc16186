'use client';

import { useStore } from '@/api/store';
import { count } from '@/ui/format';
import { Pill, type Tone } from '@/ui/pill';
import type { FeedNews, FeedState } from './feed';
import { formatSpan } from './moment';
import type { PanelController } from './panel-controller';
import { type Plan, THINNED_MAX } from './plan';

const PILLS: Record<FeedState['kind'], [Tone, string]> = {
  loading: ['quiet', 'Loading'],
  live: ['good', 'Live'],
  blank: ['quiet', 'New'],
  paused: ['quiet', 'Paused'],
  reconnecting: ['warn', 'Resuming'],
  empty: ['quiet', 'No data'],
  error: ['bad', 'Error'],
};

export function PanelPill({ controller }: { controller: PanelController }) {
  const { state, loading } = useStore(controller.feed.news);
  const [tone, text] = PILLS[state.kind];
  return (
    <Pill tone={tone} aria-busy={loading}>
      {text}
      {loading && state.kind !== 'loading' && <span aria-hidden="true">…</span>}
    </Pill>
  );
}

/** What the lines are, and what of them is not to be seen. */
export function PanelNotes({ controller }: { controller: PanelController }) {
  const news = useStore(controller.feed.news);
  return (
    <p className="mt-1 min-h-4 text-muted text-xs" role="note">
      {notes(news, controller.feed.picture.plan).join(' ')}
    </p>
  );
}

export function notes({ state, tooMany, leftOut }: FeedNews, plan: Plan): string[] {
  if (state.kind === 'loading' || state.kind === 'blank' || state.kind === 'empty') return [];
  const all = [described(plan)];
  if (tooMany) {
    const which = tooMany === 'greatest' ? 'the 20 with the greatest values' : 'the first 20 by name';
    all.push(`More than 20 series match: ${which} are shown. Add a label to see others.`);
  }
  if (leftOut > 0) all.push(`${count(leftOut)} points came too fast for this page and are being loaded again.`);
  return all;
}

const NAMES: Record<string, string> = { avg: 'Mean', min: 'Minimum', max: 'Maximum', stddev: 'Standard deviation' };

function described(plan: Plan): string {
  if (plan.kind === 'points') return 'Stored points.';
  if (plan.kind === 'thinned') {
    return `Stored points, thinned to at most ${count(THINNED_MAX)} a line that keep its look.`;
  }
  const [main = ''] = plan.columns;
  const joined = plan.group && ` of series, combined by ${plan.group.across}`;
  return `${NAMES[main] ?? main}${joined ?? ''} of each ${formatSpan(plan.step)}.`;
}
