/**
 * The test of all specifications. `visit` opens a page in a fresh context; whatever goes wrong on
 * one that the test did not ask for fails it: errors on the console or in scripts, requests that
 * leave the origin, violations of the content security policy.
 */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, test as base, beforeAll, expect, inject } from 'vitest';

interface Visit extends BrowserContextOptions {
  /** The server, if not the shared one. */
  url?: string;
  /** The server goes away meanwhile: the browser may say so. */
  outage?: boolean;
  /** The page is not there: the browser says so too. */
  missing?: boolean;
  /** The server refuses something: the browser says so too. */
  refused?: boolean;
  /** Where people sign in. What its pages do is its own affair. */
  issuer?: string;
}

/** Far beyond what a loaded machine needs. */
const PATIENCE_MS = 20_000;

export const site = inject('site');
let browser: Browser;
beforeAll(async () => {
  browser = await chromium.connect(inject('browser'));
});
afterAll(() => browser.close());

export const test = base.extend<{ visit(path: string, options?: Visit): Promise<Page> }>({
  visit: async ({ task }, use) => {
    const pages: Page[] = [];
    const problems: string[] = [];
    await use(async (path, visit = {}) => {
      const { url = site.url, outage = false, missing = false, refused = false, issuer, ...options } = visit;
      const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 800 }, ...options });
      context.setDefaultTimeout(PATIENCE_MS);
      const page = await context.newPage();
      pages.push(page);
      watch(page, new URL(url).origin, issuer, (problem) => {
        const isExpected =
          (outage && OUTAGE.test(problem)) ||
          (missing && NOT_FOUND.test(problem)) ||
          (refused && REFUSAL.test(problem));
        if (!isExpected) problems.push(problem);
      });
      await page.goto(path);
      return page;
    });
    if (task.result?.state === 'fail') for (const page of pages) console.error(await outlineOf(page));
    for (const page of pages) await page.context().close();
    expect(problems, 'what went wrong on the page').toEqual([]);
  },
});

/** What was there when a test failed, as a screen reader has it. */
const outlineOf = async (page: Page) => `${page.url()}\n${await page.locator('body').ariaSnapshot().catch(String)}`;

/** How Chromium reports on the console that a server does not answer. */
const OUTAGE = /net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)|503|WebSocket/;

const REFUSAL = /status of 40[13]|WebSocket/;
const NOT_FOUND = /status of 404 .*\/there-is-no-such-page/;

function watch(page: Page, origin: string, issuer: string | undefined, report: (problem: string) => void) {
  const isIssuers = (address: string) => issuer !== undefined && address.startsWith(`${issuer}/`);
  page.on('pageerror', (error) => report(`error: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    const { url } = message.location();
    // Its pages want a font of another origin.
    const isTheirs = isIssuers(url) || isIssuers(page.url());
    if (message.type() === 'error' && !isTheirs) report(`console: ${message.text()} (${url})`);
  });
  const stays = (address: string) => {
    const { protocol, host } = new URL(address);
    return ['data:', 'blob:'].includes(protocol) || host === new URL(origin).host;
  };
  page.on('request', (request) => {
    if (isIssuers(request.url()) || isIssuers(request.frame().url())) return;
    if (!stays(request.url())) report(`request to ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    if (!stays(socket.url())) report(`WebSocket to ${socket.url()}`);
  });
}
