/** The stages of the pipeline in words. */
import type { PipelineState, Stage, StageName, StageState } from '@/api/generated/graphql';
import type { Tone } from '@/ui/pill';

interface Words {
  title: string;
  does: string;
  /** What its rate and its total count. */
  unit: string;
}

export const STAGES: Record<StageName, Words> = {
  SOURCE: { title: 'Source', does: 'Reads records from Kafka', unit: 'records' },
  TRANSFORM: { title: 'Transform', does: 'Turns records into points', unit: 'records' },
  STORE: { title: 'Store', does: 'Commits points to Postgres', unit: 'points' },
  LIVE: { title: 'Live', does: 'Sends points to subscribers', unit: 'points' },
};

export const STAGE_STATES: Record<StageState, { tone: Tone; title: string; otherwise: string }> = {
  IDLE: { tone: 'quiet', title: 'Idle', otherwise: 'No records arriving.' },
  RUNNING: { tone: 'good', title: 'Running', otherwise: 'Keeping up.' },
  WAITING: { tone: 'warn', title: 'Waiting', otherwise: 'The next stage is slower.' },
  STOPPED: { tone: 'bad', title: 'Stopped', otherwise: 'Stopped.' },
};

export const PIPELINE_STATES: Record<PipelineState, { tone: Tone; title: string }> = {
  RUNNING: { tone: 'good', title: 'Running' },
  DEGRADED: { tone: 'warn', title: 'Degraded' },
  NOT_READY: { tone: 'bad', title: 'Not ready' },
  STOPPING: { tone: 'warn', title: 'Stopping' },
};

/** Why a stage is as it is. */
export function why({ name, state, why }: Pick<Stage, 'name' | 'why' | 'state'>): string {
  if (why) return why;
  return name === 'LIVE' && state === 'IDLE' ? 'No subscribers.' : STAGE_STATES[state].otherwise;
}

export type Flow = 'moving' | 'still' | 'blocked';

/** How it goes on the way into a stage. */
export function flowInto({ state, rate }: Pick<Stage, 'state' | 'rate'>): Flow {
  if (state === 'WAITING' || state === 'STOPPED') return 'blocked';
  return rate > 0 ? 'moving' : 'still';
}

/** What the server calls `kafka: connection refused` as a sentence. */
export function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}
