import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { test } from './support/test';

/** The number of a tile. */
const reading = async (page: Page, title: string) =>
  Number.parseFloat(
    (await page.locator('div:has(> dt)', { hasText: title }).locator('dd p').first().innerText()) || '',
  );

test('home shows what flows: points, subscribers and latency, second by second', async ({ visit }) => {
  const page = await visit('/');
  await expect.poll(() => reading(page, 'Stored')).toBeGreaterThan(0);
  await expect.poll(() => reading(page, 'Latency')).toBeGreaterThan(0);
  const sparkline = page.locator('div:has(> dt)', { hasText: 'Stored' }).locator('svg path').first();
  const before = await sparkline.getAttribute('d');
  await expect.poll(() => sparkline.getAttribute('d')).not.toBe(before);
});

test('the pipeline is drawn in the order of flow, with what each stage does now', async ({ visit }) => {
  const page = await visit('/');
  const stages = page.getByRole('list', { name: /stages/i }).locator('> li');
  expect(await stages.locator('h3').allInnerTexts()).toEqual(['Source', 'Transform', 'Store', 'Live']);
  for (const stage of await stages.all()) await expect.poll(() => stage.innerText()).toMatch(/Running|Idle/);
  await expect.poll(() => stages.nth(2).innerText()).toMatch(/[\d.]+ points\/s/);
});

test('the newest values follow what comes, and lead to their chart', async ({ visit }) => {
  const page = await visit('/');
  const link = page.getByRole('link', { name: 'ad_cost_per_click{exchange="2"}' });
  const shown = page.locator('tr', { has: link }).locator('td').last();
  await expect.poll(() => shown.innerText()).toMatch(/\d/);
  const before = await shown.innerText();
  await expect.poll(() => shown.innerText()).not.toBe(before);
  await link.click();
  await page.locator('[data-panel][data-state=live]').waitFor();
  expect(page.url()).toContain('ad_cost_per_click');
});
