/** The pictures of `docs/images`, of each page in light and dark. Home comes last: its curves need some minutes. */
import { mkdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { beforeAll, expect } from 'vitest';
import { encodeDashboard } from '@/explore/address';
import { newPanel, type Panel } from '@/explore/dashboard';
import { ask } from '../../tests/clients/support/server.js';
import { steadily } from './support/pace';
import { publish, refuse } from './support/site';
import { site, test } from './support/test';

const FOLDER = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const LARGEST = 200_000;
const SCHEMES = ['light', 'dark'] as const;
const NARROW = { width: 380, height: 800 };
beforeAll(() => {
  mkdirSync(FOLDER, { recursive: true });
  return crowd();
});

/** Hosts that come and go, so that the rates are worth a look. */
function crowd(): () => Promise<void> {
  return steadily(1_000, async () => {
    const time = Date.now();
    const hosts = Math.round(60 + 30 * Math.sin(time / 25_000) + 8 * Math.sin(time / 3_100));
    const points = Array.from({ length: hosts }, (_, n) => ({
      metric: 'host_load',
      labels: { host: `host-${String(n).padStart(2, '0')}` },
      time,
      value: 1 + Math.sin(time / 9_000 + n),
    }));
    await publish(site, points);
  });
}

for (const colorScheme of SCHEMES) {
  test(`explore, ${colorScheme}`, async ({ visit }) => {
    const address = `/explore${encodeDashboard({ view: { kind: 'live', span: 900_000 }, panels: PANELS })}`;
    const page = await visit(address, { colorScheme });
    await areLive(page, PANELS.length);
    await page.mouse.move(820, 240);
    await take(page, `explore-${colorScheme}`);

    const narrow = await visit(address, { colorScheme, viewport: NARROW });
    await areLive(narrow, PANELS.length);
    await take(narrow, `explore-380-${colorScheme}`);
  });

  test(`dead letters, ${colorScheme}`, async ({ visit }) => {
    await refuse(site, 'machines', BROKEN);
    const page = await visit('/dead-letters', { colorScheme });
    const row = page.locator('[data-letter]', { hasText: 'A field is missing' }).first();
    await row.getByRole('button').first().click();
    await row.locator('pre').waitFor();
    await take(page, `dead-letters-${colorScheme}`);
  });

  test(`streams, ${colorScheme}`, async ({ visit }) => {
    const page = await visit('/streams', { colorScheme });
    await page.getByRole('button', { name: 'machines' }).click();
    await page.getByText('machines/0', { exact: true }).waitFor();
    await take(page, `streams-${colorScheme}`);
  });

  test(`playground, ${colorScheme}`, async ({ visit }) => {
    const page = await visit('/playground', { colorScheme });
    await page.getByRole('button', { name: 'Live points', exact: true }).click();
    await page.getByRole('button', { name: /documentation explorer/i }).click();
    await page.getByRole('button', { name: /execute query/i }).click();
    await expect.poll(() => page.locator('.result-window').innerText()).toContain('ec2_cpu_utilization');
    await take(page, `playground-${colorScheme}`);
  });
}

test('home', { timeout: 400_000 }, async ({ visit }) => {
  // Somebody listens.
  const listener = await visit('/explore?metric=host_load');
  await listener.locator('[data-panel][data-state=live]').waitFor();
  const began = Date.now();
  // Its curves go back five minutes: no longer to when the past was published, all at once.
  const oldest = async () =>
    Date.parse((await ask(site.url, '{ pipeline { samples { at } } }')).pipeline.samples[0].at);
  await expect.poll(oldest, { timeout: 390_000, interval: 1_000 }).toBeGreaterThan(began);
  for (const colorScheme of SCHEMES) {
    const page = await visit('/', { colorScheme });
    await take(await flows(page), `home-${colorScheme}`);
    const narrow = await visit('/', { colorScheme, viewport: NARROW });
    await take(await flows(narrow), `home-380-${colorScheme}`);
  }
});

const PANELS: Panel[] = [
  newPanel({ metric: 'elb_request_count', matchers: [] }, { method: 'avg', step: '10s', title: 'Requests, by 10 s' }),
  newPanel({ metric: 'ec2_network_in_bytes', matchers: [] }, { width: 'half', title: 'Network in' }),
  newPanel({ metric: 'ec2_cpu_utilization', matchers: [] }, { width: 'half', title: 'CPU', unit: '%' }),
];

const BROKEN = [
  '{"ts": 1790000000000, "site": "north", "device": "m7", "temperature": 21.5, "vibration":',
  JSON.stringify({ ts: Date.now(), site: 'north', device: 'm7', temperature: 'warm', vibration: 0.02 }),
  JSON.stringify({ ts: 0, site: 'south', device: 'm2', temperature: 20, vibration: 0.01 }),
  JSON.stringify({ site: 'north', device: 'm9', temperature: 21.5 }),
];

async function areLive(page: Page, panels: number) {
  await expect.poll(() => page.locator('[data-panel][data-state=live]').count()).toBe(panels);
}

async function flows(page: Page): Promise<Page> {
  await page.locator('[data-connection=live]').waitFor();
  await page.getByRole('link', { name: /key_hold/ }).waitFor();
  return page;
}

async function take(page: Page, name: string) {
  const path = `${FOLDER}${name}.png`;
  await page.screenshot({ path, animations: 'disabled' });
  expect(statSync(path).size).toBeLessThan(LARGEST);
}
