/** How long the scripts of a page keep its main thread, by Chromium's own trace. */
import { setTimeout as pass } from 'node:timers/promises';
import type { Page } from 'playwright-core';

export interface Profile {
  /** Milliseconds of scripting in each frame that was made. */
  frames: number[];
  /** Milliseconds of scripting in each second. */
  perSecond: number;
}

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  /** Microseconds. */
  ts: number;
  dur?: number;
  /** Those of `dur` in which the thread had a core: what others do on the machine does not count. */
  tdur?: number;
  args: { name?: string };
}

const CATEGORIES = ['devtools.timeline', 'disabled-by-default-devtools.timeline.frame', 'v8', '__metadata'];
/** What runs or serves scripts, as the developer tools count it. */
const SCRIPTING = new Set([
  'EvaluateScript',
  'EventDispatch',
  'FireAnimationFrame',
  'FunctionCall',
  'MajorGC',
  'MinorGC',
  'RunMicrotasks',
  'TimerFire',
  'V8.GCIncrementalMarking',
  'v8.callFunction',
]);
const FRAME = 'BeginMainThreadFrame';

export async function profile(page: Page, forMs: number): Promise<Profile> {
  const browser = page.context().browser();
  if (!browser) throw new Error('the page has no browser');
  await browser.startTracing(page, { categories: CATEGORIES });
  await pass(forMs);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  return summary(ofMainThread(traceEvents), forMs);
}

/** Of the renderer that had most to do: the other pages are blank. */
function ofMainThread(events: TraceEvent[]): TraceEvent[] {
  const threads = events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  const candidates = threads.map(({ pid, tid }) => events.filter((event) => event.pid === pid && event.tid === tid));
  return candidates.reduce((most, each) => (each.length > most.length ? each : most), []).sort((a, b) => a.ts - b.ts);
}

function summary(events: TraceEvent[], forMs: number): Profile {
  const frames: number[] = [];
  let total = 0;
  let until = 0;
  for (const { name, ph, ts, dur = 0, tdur = dur } of events) {
    if (name === FRAME) frames.push(0);
    // What is nested is already counted.
    if (ph !== 'X' || !SCRIPTING.has(name) || ts < until) continue;
    until = ts + dur;
    total += tdur / 1000;
    if (frames.length > 0) frames[frames.length - 1] = (frames.at(-1) ?? 0) + tdur / 1000;
  }
  return { frames, perSecond: total / (forMs / 1000) };
}
