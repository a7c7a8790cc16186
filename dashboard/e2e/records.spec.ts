import { expect } from 'vitest';
import { barriers } from './support/axe';
import { meterRecord, produce } from './support/site';
import { site, test } from './support/test';

test('good, skipped and refused records stand beside what becomes of them', async ({ visit }) => {
  const lines = [meterRecord({ site: 'north', power: 21 }), meterRecord({ site: 'test', power: 11 }), Buffer.of(0xc1)];
  await produce(site, 'meters', lines);
  const page = await visit('/records?stream=meters');
  const row = (outcome: string) => page.locator(`[data-outcome=${outcome}]`).first();

  const stored = row('points');
  await stored.getByText('meters_power{site="north"} = 21').waitFor();
  expect(await stored.innerText()).toMatch(/Partition 0 · offset \d+/);
  await stored.getByRole('button').first().click();
  await stored.locator('pre', { hasText: '"power": 21' }).waitFor();
  expect(await stored.getByLabel('Shown as').inputValue()).toBe('Decoded');
  await stored.getByLabel('Shown as').selectOption('Hex');
  await stored.locator('pre', { hasText: /^0000 {2}83 a2 74 73/ }).waitFor();
  expect(await stored.getByRole('table').getByRole('row').nth(1).innerText()).toMatch(/site="north".*21/s);

  const skipped = row('skipped');
  await skipped.getByRole('button').first().click();
  await skipped.getByText('Nothing is stored: the stream’s condition').waitFor();

  const refused = row('dead_letter');
  await refused.getByText('Not MessagePack').first().waitFor();
  await refused.getByRole('button').first().click();
  await refused.getByText('The payload cannot be read as MessagePack').waitFor();
  expect(await refused.getByRole('link').getAttribute('href')).toBe(
    '/dead-letters?stream=meters&reason=not_messagepack',
  );
  expect(await barriers(page)).toEqual([]);
});

test('what is shown is narrowed, and the address keeps the choice', async ({ visit }) => {
  await produce(site, 'meters', [meterRecord({ site: 'north', power: 22 }), meterRecord({ site: 'test', power: 12 })]);
  const page = await visit('/records?stream=meters');
  await page.getByRole('button', { name: /^\W*Skipped/, pressed: false }).click();
  const outcomes = () => page.locator('[data-record]').evaluateAll((rows) => rows.map((row) => row.dataset.outcome));
  await expect.poll(async () => new Set(await outcomes())).toEqual(new Set(['skipped']));
  await page.getByLabel('The last').selectOption('50');
  await page.getByText(/shown, read at/).waitFor();
  expect(new URL(page.url()).search).toBe('?stream=meters&last=50&show=skipped');
  await page.goBack();
  await expect.poll(() => page.getByLabel('The last').inputValue()).toBe('20');
});

test('records stay as they are until somebody refreshes', async ({ visit }) => {
  await produce(site, 'meters', [meterRecord({ site: 'north', power: 30 })]);
  const page = await visit('/records?stream=meters');
  const newest = page.locator('[data-record]').first();
  await newest.getByText('= 30').waitFor();
  await produce(site, 'meters', [meterRecord({ site: 'north', power: 31 })]);
  await page.getByRole('button', { name: 'Refresh' }).click();
  await newest.getByText('= 31').waitFor();
});

test('a server that is busy, or without its Kafka, is asked again by a button', async ({ visit }) => {
  await produce(site, 'meters', [meterRecord({ site: 'north', power: 40 })]);
  const page = await visit('/streams');
  const problems = [
    { message: 'too many others look at records; try again', extensions: { code: 'OVERLOADED' } },
    { message: 'Kafka does not answer', extensions: { code: 'UNAVAILABLE' } },
  ];
  await page.route('**/graphql', async (route) => {
    const isOurs = route.request().postData()?.includes('LastRecords');
    const problem = isOurs && problems.shift();
    if (problem) await route.fulfill({ json: { data: null, errors: [problem] } });
    else await route.continue();
  });
  await page.getByRole('button', { name: 'meters' }).click();
  await page.getByRole('link', { name: 'Its last records' }).click();
  const again = page.getByRole('button', { name: 'Try again' });
  await page.getByRole('alert').getByText('too many others look at records').waitFor();
  await again.click();
  await page.getByRole('alert').getByText('UNAVAILABLE').waitFor();
  await again.click();
  await page.locator('[data-record]').first().waitFor();
  expect(await again.count()).toBe(0);
});

test('a stream that there is not is named', async ({ visit }) => {
  const page = await visit('/records?stream=nowhere');
  await page.getByRole('alert').getByText("no stream is named 'nowhere'").waitFor();
  await page.getByLabel('Stream').selectOption('machines');
  await page.getByText(/shown, read at/).waitFor();
});
