import { expect } from 'vitest';
import { unique } from '../../tests/clients/support/wait.js';
import { seen } from './support/chart';
import { median, report } from './support/figures';
import { publish } from './support/site';
import { site, test } from './support/test';

test('each point is in the chart as soon as it has been produced', async ({ visit }) => {
  const metric = unique('live');
  await publish(site, [{ metric, time: Date.now(), value: 0 }]);
  const page = await visit(`/explore?metric=${metric}`);
  await page.locator('[data-state=live]').waitFor();
  const took: number[] = [];
  for (let value = 1; value <= 20; value++) {
    const arrival = seen(page, value);
    const produced = Date.now();
    await publish(site, [{ metric, time: produced, value }]);
    took.push((await arrival) - produced);
  }
  report('from publish to chart', `median ${median(took)} ms, slowest of ${took.length} ${Math.max(...took)} ms`);
});

test('a chart that is empty at first shows the first point as it comes', async ({ visit }) => {
  const metric = unique('late');
  const page = await visit(`/explore?metric=${metric}`);
  await page.locator('[data-state=empty]').waitFor();
  const arrival = seen(page, 7);
  await publish(site, [{ metric, time: Date.now(), value: 7 }]);
  await arrival;
  await page.locator('[data-state=live]').waitFor();
});

test('a correction changes the point in the chart and adds none', async ({ visit }) => {
  const metric = unique('corrected');
  const time = Date.now();
  await publish(site, [{ metric, time, value: 1 }]);
  const page = await visit(`/explore?metric=${metric}`);
  await page.locator('[data-state=live]').waitFor();
  const arrival = seen(page, 2);
  await publish(site, [{ metric, time, value: 2 }]);
  await arrival;
  const values = await page.evaluate(() => window.__streamsync?.panels()[0]?.lines[0]?.values);
  expect(values).toEqual([2]);
});
