import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { test } from './support/test';

test('the playground runs a query, with the schema at hand', async ({ visit }) => {
  const page = await visit('/playground');
  await example(page, 'Latest').click();
  await page.getByRole('button', { name: /execute query/i }).click();
  await expect.poll(() => page.locator('.result-window').innerText()).toContain('ec2_cpu_utilization');
  await page.getByRole('button', { name: /documentation explorer/i }).click();
  await page.getByText('Query', { exact: true }).first().waitFor();
});

test('the playground shows what a subscription sends, until it is stopped', async ({ visit }) => {
  const page = await visit('/playground');
  await example(page, 'Live points').click();
  await page.getByRole('button', { name: /execute query/i }).click();
  const result = page.locator('.result-window');
  await expect.poll(() => result.innerText()).toContain('cursor');
  const before = await result.innerText();
  await expect.poll(() => result.innerText()).not.toBe(before);
  await page.getByRole('button', { name: /stop query/i }).click();
  await page.getByRole('button', { name: /execute query/i }).waitFor();
});

const example = (page: Page, title: string) =>
  page.getByRole('navigation', { name: 'Example operations' }).getByRole('button', { name: title, exact: true });
