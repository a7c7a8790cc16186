import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { encodeDashboard } from '@/explore/address';
import { DEFAULT_VIEW, newPanel } from '@/explore/dashboard';
import { eventually, unique } from '../../tests/clients/support/wait.js';
import { lines } from './support/chart';
import { report } from './support/figures';
import { history, type PublishedPoint, publish } from './support/site';
import { site, test } from './support/test';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Publishes points of one series, a second apart up to now, and waits until they are stored. */
async function ramp(count: number, at: (n: number) => number = (n) => n): Promise<{ metric: string; from: number }> {
  const metric = unique('ramp');
  const from = Math.floor(Date.now() / SECOND) * SECOND - count * SECOND;
  const points = Array.from({ length: count }, (_, n) => ({ metric, time: from + n * SECOND, value: at(n) }));
  await store(points);
  return { metric, from };
}

async function store(points: PublishedPoint[]) {
  await publish(site, points);
  const [first] = points;
  if (!first) return;
  const from = Math.min(...points.map(({ time }) => time));
  await eventually('the points are stored', async () => {
    const stored = await history(site, { metric: first.metric, from });
    return [...stored.values()].reduce((sum, line) => sum + line.length, 0) === points.length;
  });
}

const panel = (page: Page, n = 0) => page.locator('[data-panel]').nth(n);
const isReady = (page: Page, n = 0) =>
  page.locator('[data-panel]:is([data-state=live],[data-state=paused])').nth(n).waitFor();
const pointsOf = async (page: Page, n = 0) => [...(await lines(page, n)).values()][0] ?? [];

test('before anything is chosen the page offers what there is', async ({ visit }) => {
  const page = await visit('/explore');
  await page.getByRole('button', { name: /ec2_cpu_utilization/ }).click();
  await isReady(page);
  await expect.poll(async () => (await lines(page)).size).toBe(2);
});

test('where the series of the demo are, the page offers their board', async ({ visit }) => {
  await store([{ metric: 'gateway_temperature_celsius', time: Date.now(), value: 23 }]);
  const page = await visit('/explore');
  await page.getByRole('button', { name: 'Open the board of the demo' }).click();
  await expect.poll(() => page.locator('[data-panel]').count()).toBe(6);
  await isReady(page);
});

test('a chart holds exactly what history answers', async ({ visit }) => {
  const { metric, from } = await ramp(600, (n) => Math.sin(n / 10));
  const page = await visit(`/explore?metric=${metric}`);
  await isReady(page);
  await expect.poll(() => pointsOf(page)).toEqual([...(await history(site, { metric, from })).values()][0]);
});

test('zoom loads finer data, and a double click leads back', async ({ visit }) => {
  const { metric } = await ramp((6 * HOUR) / SECOND - 60);
  const page = await visit(`/explore?metric=${metric}&range=6h`);
  await isReady(page);
  const step = async () => {
    const [first, second] = await pointsOf(page);
    return first && second ? second.time - first.time : 0;
  };
  await expect.poll(step).toBeGreaterThanOrEqual(10 * SECOND);
  const coarse = await step();
  await drag(page, panel(page).locator('.u-over'), 0.5, 0.52);
  await expect.poll(step).toBe(SECOND);
  await expect.poll(() => panel(page).getAttribute('data-state')).toBe('paused');
  const shown = await pointsOf(page);
  expect(
    shown.every(
      ({ time, value }, n) => n === 0 || value === (shown[0]?.value ?? 0) + (time - (shown[0]?.time ?? 0)) / SECOND,
    ),
  ).toBe(true);
  await panel(page).locator('.u-over').dblclick();
  await expect.poll(step).toBe(coarse);
});

test('keys move the chart in time, and Home returns to live', async ({ visit }) => {
  const page = await visit('/explore?metric=key_hold');
  await isReady(page);
  await panel(page).locator('[aria-roledescription=chart]').focus();
  await page.keyboard.press('ArrowLeft');
  await expect.poll(() => panel(page).getAttribute('data-state')).toBe('paused');
  await page.keyboard.press('Home');
  await expect.poll(() => panel(page).getAttribute('data-state')).toBe('live');
});

test('a gap in the data is a gap in the line', async ({ visit }) => {
  const metric = unique('gap');
  const end = Date.now();
  const times = Array.from({ length: 600 }, (_, n) => end - 10 * MINUTE + n * SECOND);
  const hole = { from: end - 7 * MINUTE, to: end - 5 * MINUTE };
  await store(times.filter((time) => time < hole.from || time > hole.to).map((time) => ({ metric, time, value: 5 })));
  const page = await visit(`/explore?metric=${metric}&aggregate=points&range=15m`);
  await isReady(page);
  const share = (hole.to - hole.from) / (15 * MINUTE);
  await expect.poll(() => longestBreak(panel(page)), { timeout: 10_000 }).toBeGreaterThan(share * 0.9);
  expect(await longestBreak(panel(page))).toBeLessThan(share * 1.1);
});

test('buckets without points are told as gaps when that is asked for', async ({ visit }) => {
  const metric = unique('gap');
  const end = Math.floor(Date.now() / MINUTE) * MINUTE;
  await store([-5, -4, -2, -1].map((minutes) => ({ metric, time: end + minutes * MINUTE, value: minutes })));
  const panels = [newPanel({ metric, matchers: [] }, { method: 'avg', step: '1m', fill: 'null' })];
  const page = await visit(
    `/explore${encodeDashboard({ view: { kind: 'still', from: end - 5 * MINUTE, to: end }, panels })}`,
  );
  await isReady(page);
  const told = async () => {
    const line = await page.evaluate(() => window.__streamsync?.panels()[0]?.lines[0]);
    return line?.values.filter((_, n) => (line.times[n] ?? 0) >= end - 5 * MINUTE && (line.times[n] ?? 0) < end);
  };
  await expect.poll(told).toEqual([-5, -4, null, -2, -1]);
});

test('a series is found among thousands by typing', async ({ visit }) => {
  const metric = unique('fleet');
  const now = Date.now();
  const hosts = Array.from({ length: 3_000 }, (_, n) => `host-${String(n).padStart(4, '0')}`);
  await store(
    hosts.map((host, n) => ({ metric, labels: { host, site: n % 2 ? 'odd' : 'even' }, time: now, value: n })),
  );
  const page = await visit('/explore');
  await page.getByRole('button', { name: 'Add panel' }).click();

  await page.getByRole('combobox', { name: 'Metric' }).fill(metric.slice(0, -2).toUpperCase());
  await page.getByRole('option', { name: metric }).click();
  await page.getByText('1,000 series or more match').waitFor();
  await page.getByText('More than 20 series match').waitFor();
  await page.getByRole('button', { name: 'Add a label' }).click();
  const label = page.getByRole('combobox', { name: 'Label' });
  await label.fill('ho');
  await page.getByRole('option', { name: /host/ }).click();
  await expect.poll(() => label.inputValue()).toBe('host');
  const began = Date.now();
  await page.getByRole('combobox', { name: 'Value' }).fill('2917');
  const option = page.getByRole('option', { name: 'host-2917' });
  await option.waitFor();
  report('a label value found among 3,000 while typing', `${Date.now() - began} ms`);
  await option.click();
  await expect.poll(async () => [...(await lines(page)).keys()]).toEqual([`${metric}{host="host-2917",site="odd"}`]);
});

test('the crosshair is in all panels at once, and their legends tell the values there', async ({ visit }) => {
  const { metric, from } = await ramp(300);
  const panels = [1, 2].map(() => newPanel({ metric, matchers: [] }, { method: 'points', width: 'half' }));
  const view = { kind: 'still', from, to: from + 300 * SECOND } as const;
  const page = await visit(`/explore${encodeDashboard({ view, panels })}`);
  await isReady(page, 1);
  const cells = (n: number) => panel(page, n).getByRole('table', { name: 'Lines' }).locator('td');
  await expect.poll(() => cells(1).allInnerTexts()).toEqual(['299', '0', '299', '149.5']);
  const { x, y, width, height } = await boxOf(panel(page).locator('.u-over'));
  await page.mouse.move(x + width / 2, y + height / 2);
  const pointed = (n: number) => cells(n).first().innerText();
  await expect.poll(async () => Math.abs(Number(await pointed(1)) - 150)).toBeLessThanOrEqual(2);
  expect(await pointed(1)).toBe(await pointed(0));
});

test('a tooltip tells the time and the values under the pointer, greatest first, in the unit of the metric', async ({
  visit,
}) => {
  const metric = `${unique('disk')}_bytes`;
  const from = Math.floor(Date.now() / SECOND) * SECOND - 100 * SECOND;
  const disks = { small: 2e6, large: 70e6, middle: 5_500 };
  await store(
    Object.entries(disks).flatMap(([disk, value]) =>
      Array.from({ length: 100 }, (_, n) => ({ metric, labels: { disk }, time: from + n * SECOND, value })),
    ),
  );
  const panels = [newPanel({ metric, matchers: [] })];
  const view = { kind: 'still', from, to: from + 100 * SECOND } as const;
  const page = await visit(`/explore${encodeDashboard({ view, panels })}`, { timezoneId: 'Asia/Tokyo' });
  await isReady(page);
  const tooltip = panel(page).locator('[data-tooltip]');
  expect(await tooltip.count()).toBe(0);
  const { x, y, width, height } = await boxOf(panel(page).locator('.u-over'));
  await page.mouse.move(x + width / 2, y + height / 2);
  await expect
    .poll(() => tooltip.getByRole('listitem', { includeHidden: true }).allInnerTexts())
    .toEqual(['disk=large\n70 MB', 'disk=small\n2 MB', 'disk=middle\n5.5 kB']);
  const told = async () => Date.parse(`${(await tooltip.locator('p').innerText()).replace(' ', 'T')}Z`);
  const HOURS_OF_TOKYO = 9;
  expect(Math.abs((await told()) - (from + 50 * SECOND + HOURS_OF_TOKYO * HOUR))).toBeLessThan(3 * SECOND);

  await page.getByLabel('Display').click();
  await page.getByLabel('Time zone').selectOption('UTC');
  await isReady(page);
  await page.keyboard.press('Escape');
  await page.mouse.move(x + width / 2 + 1, y + height / 2);
  await expect.poll(async () => Math.abs((await told()) - (from + 50 * SECOND))).toBeLessThan(3 * SECOND);
  await page.mouse.move(0, 0);
  await expect.poll(() => tooltip.count()).toBe(0);
});

test('of more series than are shown the greatest are, and a metric that is not there is said to be missing', async ({
  visit,
}) => {
  const metric = unique('fleet');
  const now = Date.now();
  await store(
    Array.from({ length: 60 }, (_, n) => ({ metric, labels: { host: `h${n}` }, time: now - SECOND, value: n })),
  );
  const page = await visit(`/explore?metric=${metric}`);
  await page.getByText('the 20 with the greatest values are shown').waitFor();
  const greatest = Array.from({ length: 20 }, (_, n) => `${metric}{host="h${59 - n}"}`);
  await expect.poll(async () => [...(await lines(page)).keys()]).toEqual(greatest);
  await page.goto('/explore?metric=no_such_metric');
  await page.getByText('There is no metric “no_such_metric”.').waitFor();
});

test('a dashboard survives a reload, and its link shows the same to others', async ({ visit }) => {
  const page = await visit('/explore?metric=key_hold');
  await isReady(page);
  await choose(page, 'Duplicate');
  await expect.poll(() => page.locator('[data-panel]').count()).toBe(2);
  await choose(page, 'Edit');
  await page.getByLabel('Title').fill('How long keys are held');
  await page.getByLabel('Width', { exact: true }).selectOption('half');
  await page.getByLabel('Time range').selectOption('1h');
  const titles = (of: Page) => of.locator('[data-panel] h2').allInnerTexts();
  const expected = ['How long keys are held', 'key_hold'];
  await expect.poll(() => page.url()).toContain('?d=');
  await page.waitForFunction(
    (title) => atob((location.search.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')).includes(title),
    'How long',
  );
  await page.waitForFunction(() =>
    atob((location.search.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')).includes('1h'),
  );

  await page.reload();
  await isReady(page, 1);
  expect(await titles(page)).toEqual(expected);
  const { pathname, search } = new URL(page.url());
  const other = await visit(`${pathname}${search}`);
  await isReady(other, 1);
  expect(await titles(other)).toEqual(expected);
  expect(await other.getByLabel('Time range').inputValue()).toBe('1h');
});

test('panels are arranged by dragging them, and by keys', async ({ visit }) => {
  const metrics = ['ec2_cpu_utilization', 'key_hold'];
  const panels = metrics.map((metric) => newPanel({ metric, matchers: [] }, { width: 'half' }));
  const page = await visit(`/explore${encodeDashboard({ view: DEFAULT_VIEW, panels })}`);
  await isReady(page, 1);
  const titles = () => page.locator('[data-panel] h2').allInnerTexts();
  const handle = (n: number) => panel(page, n).getByRole('button', { name: /^Move .* with the arrow keys$/ });
  expect(await titles()).toEqual(metrics);
  await handle(1).dragTo(panel(page, 0));
  await expect.poll(titles).toEqual(metrics.toReversed());
  await handle(0).press('ArrowRight');
  await expect.poll(titles).toEqual(metrics);
});

test('a dashboard is saved by name, opened again, renamed and deleted', async ({ visit }) => {
  const page = await visit('/explore?metric=key_hold');
  await isReady(page);
  await page.getByText('Saved', { exact: true }).click();
  await page.getByLabel('Save this dashboard as').fill('Keys');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved as “Keys” in this browser.').waitFor();
  await page.getByRole('heading', { name: 'Keys', level: 1 }).waitFor();
  await page.getByRole('button', { name: 'New dashboard' }).click();
  await page.getByText('Choose what to look at').waitFor();
  await page.getByText('Saved', { exact: true }).click();
  await page.getByRole('button', { name: 'Keys', exact: true }).click();
  await isReady(page);
  expect(await page.locator('[data-panel] h2').allInnerTexts()).toEqual(['key_hold']);

  await page.getByRole('button', { name: 'Rename Keys' }).click();
  await page.getByLabel('Another name for Keys').fill('Strokes');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Strokes', level: 1 }).waitFor();
  await page.getByRole('button', { name: 'Delete Strokes' }).click();
  await page.getByText('Nothing is saved in this browser yet.').waitFor();
});

test('who comes back to Explore finds the last dashboard, and what was removed comes back by Undo', async ({
  visit,
}) => {
  const page = await visit('/explore?metric=key_hold');
  await isReady(page);
  await choose(page, 'Edit');
  await page.getByLabel('Title').fill('Held keys');
  await page.getByLabel('Time range').selectOption('24h');
  await page.getByRole('button', { name: 'Done' }).click();
  expect(await page.getByLabel('Title').count()).toBe(0);
  await page.getByRole('link', { name: 'Home', exact: true }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.getByRole('link', { name: 'Explore', exact: true }).click();
  await isReady(page);
  const titles = () => page.locator('[data-panel] h2').allInnerTexts();
  expect(await titles()).toEqual(['Held keys']);
  const range = page.getByLabel('Time range');
  expect(await range.inputValue()).toBe('24h');
  expect(await range.locator('option').allInnerTexts()).not.toContain('Last 1d');

  await choose(page, 'Remove');
  await page.getByText('Removed “Held keys”.').waitFor();
  expect(await titles()).toEqual([]);
  await page.keyboard.press('Enter');
  await expect.poll(titles).toEqual(['Held keys']);
});

test('in kiosk mode only the panels are there, until Escape', async ({ visit }) => {
  const page = await visit('/explore?metric=key_hold&kiosk');
  await isReady(page);
  const bars = page.locator('header, footer, [aria-label="Time range"]');
  const seen = async () => (await Promise.all((await bars.all()).map((bar) => bar.isVisible()))).some(Boolean);
  expect(await seen()).toBe(false);
  await page.keyboard.press('Escape');
  await expect.poll(seen).toBe(true);
  expect(page.url()).toMatch(/\/explore\?metric=key_hold$/);
});

test('the CSV of a panel has the points that were stored, and its table tells as many', async ({ visit }) => {
  const { metric, from } = await ramp(50);
  const page = await visit(`/explore?metric=${metric}`);
  await isReady(page);
  const [download] = await Promise.all([page.waitForEvent('download'), choose(page, 'Download as CSV')]);
  expect(download.suggestedFilename()).toMatch(new RegExp(`^${metric}.*\\.csv$`));
  const text = await textOf(download);
  const asked = new URLSearchParams({ metric, from: new Date(from).toISOString(), format: 'csv' });
  expect(text).toBe(await (await fetch(`${site.url}/api/v1/points?${asked}`)).text());
  await choose(page, 'Show as a table');
  await page.getByText('50 points').waitFor();
});

test('a link that cannot be read is told, not shown as something else', async ({ visit }) => {
  const page = await visit('/explore?d=1.bm9uc2Vuc2U');
  await page.getByText('This link cannot be shown').waitFor();
});

async function choose(page: Page, action: string) {
  await panel(page).locator('summary').click();
  await panel(page).getByRole('button', { name: action }).click();
}

async function boxOf(element: Locator) {
  const box = await element.boundingBox();
  if (!box) throw new Error('it is not on the page');
  return box;
}

/** Drags from one share of the element's width to another. */
async function drag(page: Page, element: Locator, from: number, to: number) {
  const { x, y, width, height } = await boxOf(element);
  await page.mouse.move(x + width * from, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width * to, y + height / 2, { steps: 5 });
  await page.mouse.up();
}

/** The longest stretch without a line between stretches with one, as a share of the chart's width. */
function longestBreak(panel: Locator): Promise<number> {
  return panel.evaluate((element) => {
    const over = element.querySelector<HTMLElement>('.u-over');
    const canvas = over?.querySelector('canvas');
    if (!canvas || !over) return 0;
    const { width, height } = canvas;
    const pixels = canvas.getContext('2d')?.getImageData(0, 0, width, height).data ?? [];
    // The lines are all that has a colour.
    const isColoured = (at: number) => {
      const channels = [pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0];
      return (pixels[at + 3] ?? 0) > 128 && Math.max(...channels) - Math.min(...channels) > 60;
    };
    let longest = 0;
    let last: number | undefined;
    for (let x = 0; x < width; x++) {
      const hasLine = Array.from({ length: height }, (_, y) => (y * width + x) * 4).some(isColoured);
      if (!hasLine) continue;
      if (last !== undefined) longest = Math.max(longest, x - last);
      last = x;
    }
    return longest / (over.clientWidth * devicePixelRatio);
  });
}

async function textOf(download: { createReadStream(): Promise<NodeJS.ReadableStream> }): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}
