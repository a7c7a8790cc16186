/** What the dashboard's scripts take of a frame and of a second. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { encodeDashboard } from '@/explore/address';
import { newPanel } from '@/explore/dashboard';
import { eventually, unique } from '../../tests/clients/support/wait.js';
import { lines } from './support/chart';
import { median, quantile, report } from './support/figures';
import { steadily } from './support/pace';
import { type Profile, profile } from './support/profile';
import { history, type PublishedPoint, publish } from './support/site';
import { site, test } from './support/test';

const SERIES = 20;
const PACE_MS = 100;
const SPAN_MS = 300_000;
const WINDOWS = 3;
const WINDOW_MS = 4_000;

const metric = unique('busy');
const lineName = (n: number) => String(n).padStart(2, '0');
let stop: (() => Promise<void>) | undefined;

// Five minutes of points, and from there on live.
beforeAll(async () => {
  const now = Date.now();
  const past = Array.from({ length: SPAN_MS / PACE_MS }, (_, n) => pointsAt(now - SPAN_MS + n * PACE_MS));
  await publish(site, past.flat());
  stop = steadily(PACE_MS, () => publish(site, pointsAt(Date.now())));
  await eventually('the past is stored', async () => {
    const stored = await history(site, { metric, from: now - SPAN_MS });
    return stored.size === SERIES && [...stored.values()].every((line) => line.length >= past.length);
  });
});
afterAll(() => stop?.());

function pointsAt(time: number): PublishedPoint[] {
  return Array.from({ length: SERIES }, (_, n) => ({
    metric,
    labels: { line: lineName(n) },
    time,
    value: Math.sin(time / 20_000 + n) + n / 5,
  }));
}

test('scripting of a frame with 20 live lines', async ({ visit }) => {
  const page = await visit(`/explore?metric=${metric}&aggregate=points&range=5m`);
  await page.locator('[data-panel][data-state=live]').waitFor();
  await expect.poll(async () => (await lines(page)).size).toBe(SERIES);
  const profiles = await steadyState(page);
  const slow = median(profiles.map(({ frames }) => quantile(frames, 0.95)));
  const usual = median(profiles.map(({ frames }) => median(frames)));
  const longest = median(profiles.map(({ frames }) => Math.max(...frames)));
  const rate = median(profiles.map(({ frames }) => frames.length / (WINDOW_MS / 1000)));
  report(
    'scripting a frame, 20 live lines',
    `median ${ms(usual)}, p95 ${ms(slow)}, longest ${ms(longest)} of 8 ms asked, ${rate.toFixed(0)} frames a second`,
  );
});

test('scripting of a second with 20 panels', async ({ visit }) => {
  // So tall that all of them are in view.
  const page = await visit(dashboard(), { viewport: { width: 1280, height: 3200 } });
  await expect.poll(() => page.locator('[data-panel][data-state=live]').count()).toBe(SERIES);
  const perSecond = median((await steadyState(page)).map(({ perSecond }) => perSecond));
  report('scripting a second, 20 panels', `${ms(perSecond)} of 300 ms asked`);
});

/** A panel for each line. */
function dashboard(): string {
  const panels = Array.from({ length: SERIES }, (_, n) =>
    newPanel(
      { metric, matchers: [{ name: 'line', op: '=', value: lineName(n) }] },
      { method: 'points', width: 'third' },
    ),
  );
  return `/explore${encodeDashboard({ view: { kind: 'live', span: SPAN_MS }, panels })}`;
}

async function steadyState(page: Page): Promise<Profile[]> {
  await profile(page, WINDOW_MS / 2);
  const profiles: Profile[] = [];
  for (let n = 0; n < WINDOWS; n++) profiles.push(await profile(page, WINDOW_MS));
  return profiles;
}

const ms = (value: number) => `${value.toFixed(1)} ms`;
