import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';
import { eventually, unique } from '../../tests/clients/support/wait.js';
import { barriers } from './support/axe';
import { lines } from './support/chart';
import { Guarded, type Role } from './support/guarded';
import { steadily } from './support/pace';
import { test } from './support/test';

const PACE_MS = 50;

describe('with access control', { timeout: 90_000 }, () => {
  let guarded: Guarded;
  const keys = new Map<Role, string>();
  beforeAll(async () => {
    guarded = await Guarded.start();
    for (const role of ['berlin', 'reader', 'operator', 'writer'] as const) {
      keys.set(role, await guarded.createKey(`the ${role}`, role));
    }
  });
  afterAll(() => guarded?.server.stop());

  const keyOf = (role: Role) => keys.get(role) ?? '';

  async function signIn(page: Page, key: string) {
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  }

  test('nothing is asked before somebody has signed in, and then the page is the one that was asked for', async ({
    visit,
  }) => {
    const page = await visit('/explore?metric=machines_temperature', { url: guarded.url });
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.locator('[data-panel]').count()).toBe(0);
    await signIn(page, keyOf('berlin'));
    await page.locator('[data-panel][data-state=live]').waitFor();
    expect([...(await lines(page)).keys()]).toEqual(['machines_temperature{site="berlin"}']);
    expect(page.url()).toMatch(/\/explore\?metric=machines_temperature$/);
    await page.reload();
    await page.locator('[data-panel][data-state=live]').waitFor();
  });

  test('a wrong key is refused in words', async ({ visit }) => {
    const page = await visit('/', { url: guarded.url, refused: true });
    await signIn(page, `${keyOf('reader')}x`);
    await page.getByText('The server does not accept this key').waitFor();
    await signIn(page, keyOf('reader'));
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  });

  test('a reader sees dead letters and no redrive, an operator redrives', async ({ visit }) => {
    const reader = await visit('/dead-letters', { url: guarded.url });
    await signIn(reader, keyOf('reader'));
    const letter = (page: Page) => page.locator('[data-letter]').first();
    await letter(reader).getByRole('button').first().click();
    await letter(reader).getByText('Origin').waitFor();
    expect(await reader.getByRole('button', { name: 'Redrive' }).count()).toBe(0);
    expect(await letter(reader).getByRole('checkbox').count()).toBe(0);

    const operator = await visit('/dead-letters', { url: guarded.url });
    await signIn(operator, keyOf('operator'));
    await letter(operator).getByRole('button').first().click();
    await operator.getByRole('button', { name: 'Redrive this letter' }).click();
    await operator.getByRole('dialog').getByRole('button', { name: 'Redrive' }).click();
    await operator.getByText('failed again').first().waitFor();
  });

  test('records are for operators: a reader has no link to them, and their page says why', async ({ visit }) => {
    const reader = await visit('/records', { url: guarded.url });
    await signIn(reader, keyOf('reader'));
    await reader.getByText('lacks the operation operate').waitFor();
    const link = (page: Page) => page.getByRole('navigation').getByRole('link', { name: 'Records' });
    expect(await link(reader).count()).toBe(0);

    const operator = await visit('/', { url: guarded.url });
    await signIn(operator, keyOf('operator'));
    await link(operator).click();
    await operator.locator('[data-record]').first().waitFor();
    expect(await operator.locator('[data-record]').count()).toBe(3);
  });

  test('a role without streams has a sentence in place of them', async ({ visit }) => {
    const page = await visit('/streams', { url: guarded.url });
    await signIn(page, keyOf('berlin'));
    await page.getByText('No stream is for your role').waitFor();
    await page.getByRole('link', { name: 'Dead letters' }).click();
    await page.getByText('No stream is for your role').waitFor();
  });

  test('a role that may not read has a sentence in place of pages', async ({ visit }) => {
    const page = await visit('/', { url: guarded.url });
    await signIn(page, keyOf('writer'));
    await page.getByText('This page is not for your role').waitFor();
  });

  test('the playground has the examples of the role, and names the field that is forbidden', async ({ visit }) => {
    const page = await visit('/playground', { url: guarded.url, refused: true });
    await signIn(page, keyOf('reader'));
    const examples = page.getByRole('navigation', { name: 'Example operations' });
    await examples.getByRole('button', { name: 'Dead letters' }).waitFor();
    expect(await examples.getByRole('button', { name: 'Redrive' }).count()).toBe(0);
    expect(await examples.getByRole('button', { name: 'Publish' }).count()).toBe(0);
    const editor = page.locator('.graphiql-query-editor .view-lines');
    await editor.click();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.insertText('mutation { redriveDeadLetters(ids: ["1"]) { sent } }');
    await page.getByRole('button', { name: /execute query/i }).click();
    await page.getByText('‘redriveDeadLetters’ is forbidden').waitFor();
  });

  test('who has signed out is asked to sign in, also after a reload, and sees nothing of before', async ({ visit }) => {
    const page = await visit('/', { url: guarded.url });
    await signIn(page, keyOf('reader'));
    await page.getByRole('link', { name: /machines_temperature.*paris/ }).waitFor();
    await page.locator('summary', { hasText: 'the reader' }).click();
    await page.getByText('Signed in until').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.getByText('paris').count()).toBe(0);
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await signIn(page, keyOf('berlin'));
    await page.getByRole('link', { name: /machines_temperature.*berlin/ }).waitFor();
    expect(await page.getByText('paris').count()).toBe(0);
  });

  test('a revoked key ends the page within seconds', async ({ visit }) => {
    const name = unique('guest');
    const key = await guarded.createKey(name, 'berlin');
    const page = await visit('/explore?metric=machines_temperature', { url: guarded.url, refused: true });
    await signIn(page, key);
    await page.locator('[data-panel][data-state=live]').waitFor();
    await guarded.revokeKey(name);
    await page.getByRole('dialog').getByText('Your session has ended').waitFor({ timeout: 5_000 });
    await signIn(page, key);
    await page.getByText('The server does not accept this key').waitFor();
    await signIn(page, keyOf('reader'));
    await page.locator('[data-panel][data-state=live]').waitFor();
    expect((await lines(page)).size).toBe(2);
  });

  test('a session that ends on an open page is begun again, and live has no gap', async ({ visit }) => {
    let value = 0;
    const stop = steadily(PACE_MS, () => guarded.publish(value++));
    onTestFinished(stop);
    await eventually('the flow is stored', async () => (await guarded.flow()).length > 0);
    const page = await visit('/explore?metric=flow&aggregate=points', { url: guarded.url, refused: true });
    await signIn(page, keyOf('berlin'));
    const panel = page.locator('[data-panel][data-state=live]');
    await panel.waitFor();
    await panel.evaluate((element) => element.setAttribute('data-same', ''));
    await signOutElsewhere(page);
    await page.getByRole('dialog').getByText('Your session has ended').waitFor();
    const before = value;
    await expect.poll(() => value).toBeGreaterThan(before + 10);
    await signIn(page, keyOf('berlin'));
    await page.locator('[data-panel][data-state=live][data-same]').waitFor();
    await stop();
    const stored = await eventually('all is stored', async () => {
      const points = await guarded.flow();
      return points.length === value && points;
    });
    await expect.poll(async () => (await lines(page)).get('flow{}')).toEqual(stored);
  });

  /** As another tab of the same browser does. */
  const signOutElsewhere = (page: Page) =>
    page.evaluate(async () => {
      const { csrf } = await (await fetch('/auth/session')).json();
      await fetch('/auth/logout', { method: 'POST', headers: { 'x-csrf-token': csrf } });
    });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`axe finds nothing serious while signing in, in ${colorScheme}, and nothing scrolls sideways at 380 px`, async ({
      visit,
    }) => {
      const isGood = async () => {
        expect(await barriers(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(380);
      };
      const viewport = { width: 380, height: 800 };
      const page = await visit('/', { url: guarded.url, colorScheme, viewport, refused: true });
      await signIn(page, 'ss_wrong');
      await page.getByText('The server does not accept this key').waitFor();
      await isGood();
      await signIn(page, keyOf('berlin'));
      await page.locator('summary', { hasText: 'the berlin' }).click();
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
      await isGood();
      await signOutElsewhere(page);
      await page.getByRole('dialog').getByText('Your session has ended').waitFor();
      await isGood();
    });
  }
});
