import type { Page } from 'playwright-core';
import { beforeAll, describe, expect } from 'vitest';
import { barriers } from './support/axe';
import { refuse } from './support/site';
import { site, test } from './support/test';

/** Each page, and what is there once it is complete. */
const PAGES: [string, string][] = [
  ['/', 'h3:has-text("Store") >> nth=0'],
  ['/explore', 'button:has-text("ec2_cpu_utilization")'],
  ['/explore?metric=ec2_cpu_utilization', '[data-panel][data-state=live]'],
  ['/streams', 'td:has-text("Running")'],
  ['/records?stream=machines', '[data-record]'],
  ['/dead-letters', '[data-letter]'],
  ['/playground', '.graphiql-query-editor .view-lines'],
  ['/there-is-no-such-page', 'text=There is no such page'],
];

beforeAll(() => refuse(site, 'machines', ['{"site": "north", "device": "m1"}']));

for (const colorScheme of ['light', 'dark'] as const) {
  describe(`in ${colorScheme}`, () => {
    for (const [path, sign] of PAGES) {
      test(`axe finds nothing serious on ${path}`, async ({ visit }) => {
        const page = await visit(path, { colorScheme, missing: path.startsWith('/there') });
        await page.locator(sign).first().waitFor();
        expect(await barriers(page)).toEqual([]);
      });
    }

    test('axe finds nothing serious where things are open', async ({ visit }) => {
      const page = await visit('/dead-letters', { colorScheme });
      const row = page.locator('[data-letter]').first();
      await row.getByRole('button').first().click();
      await row.getByText('Origin').waitFor();
      expect(await barriers(page)).toEqual([]);
      await row.getByRole('button', { name: 'Redrive this letter' }).click();
      await page.getByRole('dialog').waitFor();
      expect(await barriers(page)).toEqual([]);
    });

    test('axe finds nothing serious in the editor of a panel, below its tooltip and in menus', async ({ visit }) => {
      const page = await visit('/explore?metric=ec2_cpu_utilization', { colorScheme });
      await page.locator('[data-panel][data-state=live]').waitFor();
      await page.locator('[data-panel] summary').click();
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByRole('button', { name: 'Done' }).waitFor();
      await page.getByLabel('Display').click();
      await page.locator('.u-over').hover({ position: { x: 1_000, y: 100 } });
      await page.locator('[data-tooltip]').waitFor();
      expect(await barriers(page)).toEqual([]);
    });
  });
}

for (const [path, sign] of PAGES) {
  test(`nothing scrolls sideways at 380 px on ${path}`, async ({ visit }) => {
    const page = await visit(path, { viewport: { width: 380, height: 800 }, missing: path.startsWith('/there') });
    await page.locator(sign).first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(380);
  });
}

test('the chosen theme is kept, and shows before anything else does', async ({ visit }) => {
  const page = await visit('/', { colorScheme: 'light' });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.getByRole('button', { name: 'Theme: system' }).click();
  await page.getByRole('button', { name: 'Theme: light' }).click();
  await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
  const dark = await background();
  expect(dark).not.toBe(light);
  await page.goto('/streams', { waitUntil: 'commit' });
  await page.locator('body').waitFor();
  expect(await background()).toBe(dark);
});

describe('by keyboard alone', () => {
  test('the content and every page are reached', async ({ visit }) => {
    const page = await visit('/');
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to content');
    await tabTo(page, 'Streams');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Streams', level: 1 }).waitFor();
    await tabTo(page, 'machines');
    await page.keyboard.press('Enter');
    await page.getByText('machines/0', { exact: true }).waitFor();
  });

  test('a chart is made, moved in time and read as a table', async ({ visit }) => {
    const page = await visit('/explore');
    await page.getByRole('button', { name: /ec2_cpu/ }).waitFor();
    await tabTo(page, 'Add panel');
    await page.keyboard.press('Enter');
    await page.getByRole('combobox', { name: 'Metric' }).waitFor();
    expect(await focused(page)).toBe('Metric');
    await page.keyboard.type('key_h');
    await page.getByRole('option', { name: 'key_hold' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('[aria-label^="key_hold: one line"]').waitFor();
    await tabTo(page, 'key_hold: one line');
    await page.keyboard.press('ArrowLeft');
    await page.locator('[data-panel][data-state=paused]').waitFor();
    await page.keyboard.press('Home');
    await page.locator('[data-panel][data-state=live]').waitFor();
    await tabTo(page, 'What to do with key_hold');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Show as a table');
    await page.keyboard.press('Enter');
    await page.getByLabel('The points shown').getByRole('table').waitFor();
  });

  test('a record is opened and shown in another way', async ({ visit }) => {
    const page = await visit('/records?stream=machines');
    await page.locator('[data-record]').first().waitFor();
    await tabTo(page, 'Partition', '[data-record] button');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Shown as');
    await page.keyboard.press('End');
    await expect.poll(() => page.getByLabel('Shown as').inputValue()).toBe('Base64');
  });

  test('a dead letter is opened and redriven', async ({ visit }) => {
    const page = await visit('/dead-letters');
    await page.locator('[data-letter]').first().waitFor();
    await tabTo(page, 'A field is missing', '[data-letter] button');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Redrive this letter');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo(page, 'Redrive');
    await page.keyboard.press('Enter');
    await page.getByText(/failed again|1 stored/).waitFor();
  });
});

/** The name of what has the focus. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const { activeElement } = document;
    const label = (activeElement as HTMLInputElement | null)?.labels?.[0] ?? activeElement;
    return activeElement?.getAttribute('aria-label') ?? label?.textContent?.trim() ?? '';
  });

const TABS_MAX = 120;

/** Presses Tab until what begins with this text has the focus, of those elements alone that match. */
async function tabTo(page: Page, text: string, matching = '*') {
  for (let n = 0; n < TABS_MAX; n++) {
    await page.keyboard.press('Tab');
    const isMatch = await page.evaluate((selector) => document.activeElement?.matches(selector), matching);
    if (isMatch && (await focused(page)).replace(/^\W+/, '').startsWith(text)) return;
  }
  throw new Error(`Tab does not lead to '${text}'`);
}
