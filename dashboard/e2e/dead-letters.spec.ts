import { readFileSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import { Server } from '../../tests/clients/support/server.js';
import { unique } from '../../tests/clients/support/wait.js';
import { meterRecord, produce, refuse, type Site } from './support/site';
import { site, test } from './support/test';

test('a broken record is shown with its reason and payload, and a redrive is told as it goes', async ({ visit }) => {
  const mark = unique('broken');
  await refuse(site, 'machines', [`{"site": "north", "note": "${mark}", "temperature":`]);
  const page = await visit('/dead-letters?stream=machines');
  const row = page.locator('[data-letter]', { hasText: 'Not JSON' }).first();
  await row.getByRole('button').first().click();
  await row.locator('pre', { hasText: mark }).waitFor();
  expect(await row.innerText()).toMatch(/Offset/);

  await row.getByRole('button', { name: 'Redrive this letter' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Redrive' }).click();
  await page.getByText('failed again').waitFor();
  await row.getByText('2 attempts').waitFor();
});

test('a payload that is no text is shown as its format reads it', async ({ visit }) => {
  await refuse(site, 'meters', [meterRecord({ site: 'south' }), meterRecord({ site: 'west' })]);
  const page = await visit('/dead-letters?stream=meters&reason=missing_field');
  for (const [at, name] of ['west', 'south'].entries()) {
    const row = page.locator('[data-letter]').nth(at);
    await row.getByRole('button').first().click();
    await row.locator('pre', { hasText: `"site": "${name}"` }).waitFor();
    expect(await row.getByLabel('Shown as').inputValue()).toBe('Decoded');
  }
});

test('a letter that fits after a change of its stream is stored by a redrive', async ({ visit }) => {
  const streams =
    '[[stream]]\nname = "m"\ntopic = "m"\non_missing = "dead_letter"\nlabels = ["site"]\nvalues = ["temperature"]\n';
  // A Kafka that stays.
  const kafka = await Server.start({ streams });
  onTestFinished(() => kafka.stop());
  const server = await Server.start({ brokers: kafka.brokers, topic: kafka.topic, streams });
  onTestFinished(() => server.stop());
  const its: Site = { url: server.url, brokers: kafka.brokers, config: server.config };

  const page = await visit('/dead-letters', { url: server.url, outage: true });
  await page.getByText('Nothing was refused').waitFor();
  await produce(its, 'm', [JSON.stringify({ ts: new Date().toISOString(), temperature: 21.5 })]);
  await page.getByRole('button', { name: /1 new/ }).click();
  const row = page.locator('[data-letter]', { hasText: 'A field is missing' });
  await row.waitFor();

  await server.terminate();
  writeFileSync(server.config, readFileSync(server.config, 'utf8').replace('labels = ["site"]', 'labels = []'));
  await server.startAgain();
  await page.locator('[data-connection=reconnecting]').waitFor({ state: 'detached' });
  await row.getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Redrive selected (1)' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Redrive' }).click();
  await page.getByText('1 stored').waitFor();
  await expect.poll(() => row.count()).toBe(0);
  const { latest } = await server.query('{ latest(selector: { metric: "m_temperature" }) { value } }');
  expect(latest).toEqual([{ value: 21.5 }]);
});

test('reasons are counted and choose what is listed, and the address keeps the choice', async ({ visit }) => {
  await refuse(site, 'machines', ['[]]', JSON.stringify({ ts: Date.now() }), JSON.stringify({ ts: Date.now() })]);
  const page = await visit('/dead-letters');
  const reason = page.locator('button[aria-pressed]', { hasText: 'A field is missing' }).first();
  await reason.click();
  await expect.poll(() => page.url()).toContain('reason=missing_field');
  await expect
    .poll(async () => new Set(await page.locator('[data-letter] button > span:first-child').allInnerTexts()))
    .toEqual(new Set(['A field is missing']));
  await page.reload();
  await expect.poll(() => reason.getAttribute('aria-pressed')).toBe('true');
});
