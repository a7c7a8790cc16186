import { afterAll, beforeAll, describe, expect } from 'vitest';
import { startServerWithIssuer } from '../../tests/clients/support/oidc.js';
import { test } from './support/test';

describe('with an identity provider', { timeout: 90_000 }, () => {
  let world: Awaited<ReturnType<typeof startServerWithIssuer>>;
  beforeAll(async () => {
    world = await startServerWithIssuer({ ada: ['staff', 'reader'] });
  });
  afterAll(async () => {
    await world?.server.stop();
    world?.issuer.stop();
  });

  test('a person signs in there, comes back to the page that was asked for, has a name, and signs out', async ({
    visit,
  }) => {
    const { server, issuer } = world;
    const page = await visit('/explore?metric=flow', { url: server.url, issuer: issuer.url });
    await page.getByRole('button', { name: 'Sign in with your organisation' }).click();
    await page.getByPlaceholder('Enter any login').fill('ada');
    await page.getByPlaceholder('and password').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForURL(`${server.url}/explore?metric=flow`);
    await page.locator('summary', { hasText: 'ada@example.org' }).click();
    await page.getByText('Signed in until').waitFor();
    await page.reload();
    await page.locator('summary', { hasText: 'ada@example.org' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.getByText('ada@example.org').count()).toBe(0);
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });
});
