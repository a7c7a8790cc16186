import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';
import { Server } from '../../tests/clients/support/server.js';
import { eventually, unique } from '../../tests/clients/support/wait.js';
import { lines } from './support/chart';
import { steadily } from './support/pace';
import { history, publish } from './support/site';
import { test } from './support/test';

const PACE_MS = 50;
/** Of a series without labels. */
const keyOf = (metric: string) => `${metric}{}`;

describe('over a restart of the server nothing is missing and nothing is silently old', { timeout: 90_000 }, () => {
  // A Kafka that stays, and goes on to take points.
  let kafka: Server;
  let server: Server;
  beforeAll(async () => {
    kafka = await Server.start();
    server = await Server.start({ brokers: kafka.brokers, topic: kafka.topic });
  });
  afterAll(() => Promise.all([server.stop(), kafka.stop()]));

  const ends: [string, () => Promise<void>][] = [
    ['sends its clients away', () => server.terminate()],
    ['is killed', () => server.kill()],
  ];
  for (const [how, end] of ends) {
    test(`points, when it ${how}`, async ({ visit }) => {
      const { metric, from, stop } = await flow();
      const page = await visit(`/explore?metric=${metric}&aggregate=points`, { url: server.url, outage: true });
      await outage(page, metric, end);
      await isAsHistory(page, await stop(), { metric, from });
    });

    test(`aggregates, when it ${how}`, async ({ visit }) => {
      const { metric, from, stop } = await flow();
      const page = await visit(`/explore?metric=${metric}&aggregate=avg&step=1s`, { url: server.url, outage: true });
      await outage(page, metric, end);
      await isAsHistory(page, await stop(), { metric, from, step: '1s', aggregate: ['AVG'] });
    });
  }

  test('home says from when its values are, until they are fresh again', async ({ visit }) => {
    const page = await visit('/', { url: server.url, outage: true });
    await page.locator('[data-connection=live]').waitFor();
    await page.getByText('Running').first().waitFor();
    await page.locator('[data-health=ready]').waitFor();
    await server.kill();
    await page.locator('[data-health=away]').waitFor();
    await page
      .getByText(/^As of \d/)
      .first()
      .waitFor();
    await page.getByText('The connection to the server is lost').waitFor();
    await server.startAgain();
    await page.locator('[data-connection=live]').waitFor();
    await expect.poll(() => page.locator('[data-stale]').count()).toBe(0);
    await page.locator('[data-health=ready]').waitFor();
  });

  /** Points that come all the while, each of a value of its own. */
  async function flow() {
    const metric = unique('flow');
    const from = Math.floor(Date.now() / 1000) * 1000;
    let value = 0;
    const send = () => publish(kafka, [{ metric, time: Date.now(), value: value++ }]);
    await send();
    await eventually('the server has it', async () => (await history(server, { metric, from })).size === 1);
    const stopSending = steadily(PACE_MS, send);
    onTestFinished(stopSending);
    /** Returns the last value that was sent. */
    const stop = async () => {
      await stopSending();
      return value - 1;
    };
    return { metric, from, stop };
  }

  /** The server goes while the page looks on, and comes back; then the page is live again. */
  async function outage(page: Page, metric: string, end: () => Promise<void>) {
    const held = async () => (await lines(page)).get(keyOf(metric))?.length ?? 0;
    await page.locator('[data-panel][data-state=live]').waitFor();
    const before = await held();
    await expect.poll(held).toBeGreaterThan(before);
    await end();
    await page.locator('[data-connection=reconnecting]').waitFor();
    await page.locator('[data-panel][data-state=reconnecting]').waitFor();
    await server.startAgain();
    await page.locator('[data-panel][data-state=live]').waitFor();
    await page.locator('[data-connection=live]').waitFor();
  }

  async function isAsHistory(page: Page, last: number, asked: Parameters<typeof history>[1]) {
    const key = keyOf(asked.metric);
    const { metric, from } = asked;
    // Both may lack the same last points for a moment, so that equal answers do not say that all is stored.
    await eventually('all that was sent is stored', async () => {
      const stored = await Promise.all([kafka, server].map((each) => history(each, { metric, from })));
      return stored.every((answer) => answer.get(key)?.at(-1)?.value === last);
    });
    const [there, here] = await Promise.all([kafka, server].map((each) => history(each, asked)));
    expect(here).toEqual(there);
    await expect.poll(async () => (await lines(page)).get(key)).toEqual(here?.get(key));
  }
});
