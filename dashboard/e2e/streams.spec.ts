import { expect } from 'vitest';
import { produce, refuse } from './support/site';
import { site, test } from './support/test';

test('a stream shows its settings, partitions and lag', async ({ visit }) => {
  const page = await visit('/streams');
  await page.getByRole('button', { name: 'machines' }).click();
  const details = page.locator('tbody', { has: page.getByRole('button', { name: 'machines' }) });
  for (const setting of ['site, device', 'machines_temperature, machines_vibration', '100,000']) {
    await details.getByText(setting, { exact: false }).first().waitFor();
  }
  const partitions = details.getByRole('table').getByRole('row');
  // Its topic's three, and that of redriven letters.
  await expect.poll(() => partitions.count()).toBe(1 + 3 + 1);
  expect(await partitions.nth(1).innerText()).toMatch(/machines\/\d\s+\d+\s+\d+\s+0/);
});

test('offsets move as records come', async ({ visit }) => {
  const page = await visit('/streams');
  await page.getByRole('button', { name: 'machines' }).click();
  const next = async () => {
    const cells = await page
      .getByRole('row', { name: /machines\/\d/ })
      .locator('td:nth-child(2)')
      .allInnerTexts();
    return cells.reduce((sum, cell) => sum + Number(cell.replace(/\D/g, '')), 0);
  };
  await expect.poll(next).toBeGreaterThanOrEqual(0);
  const before = await next();
  const record = { ts: Date.now(), site: 'north', device: 'm1', temperature: 20.5, vibration: 0.1 };
  await produce(site, 'machines', [JSON.stringify(record), JSON.stringify({ ...record, device: 'm2' })]);
  await expect.poll(next).toBe(before + 2);
});

test('what is stored is told: tables, sizes and how far rollups have come', async ({ visit }) => {
  const page = await visit('/streams');
  const storage = page.locator('section', { has: page.getByRole('heading', { name: 'Storage' }) });
  await expect.poll(() => storage.getByRole('table').first().getByRole('row').count()).toBe(1 + 4);
  expect(await storage.innerText()).toMatch(/\d+(\.\d+)? (kB|KiB|MB|MiB)/);
});

test('dead letters that wait are counted from the store', async ({ visit }) => {
  await refuse(site, 'machines', ['{"site": "north"}']);
  const page = await visit('/streams');
  const row = page.getByRole('row', { name: /machines/ }).first();
  await expect.poll(async () => Number(await row.getByRole('cell').last().innerText())).toBeGreaterThanOrEqual(1);
});

test('a stream is found by its name', async ({ visit }) => {
  const page = await visit('/streams');
  await page.getByRole('button', { name: 'machines' }).waitFor();
  await page.getByLabel('Name or topic').fill('nothing like it');
  await page.getByText('No stream has this name').waitFor();
  await page.getByLabel('Name or topic').fill('MACH');
  await page.getByRole('button', { name: 'machines' }).waitFor();
});

test('who writes over HTTP is shown with what was refused', async ({ visit }) => {
  const page = await visit('/streams');
  await page.getByRole('button', { name: 'machines' }).waitFor();
  const lines = 'machines,site=north,device=m1 temperature=20.5\nmachines temperature=\n';
  const answer = await fetch(`${site.url}/write?stream=machines`, { method: 'POST', body: lines });
  expect(answer.status).toBe(400);
  const row = page.getByRole('row', { name: /everyone machines \/write/ });
  await expect.poll(() => row.count()).toBe(1);
  expect(await row.getByRole('cell').nth(3).innerText()).toBe('1');
});
