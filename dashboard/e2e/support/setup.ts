/** What all specifications share: one browser, and one server on which the demo's series flow. */
import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright-core';
import type { TestProject } from 'vitest/node';
import { Server } from '../../../tests/clients/support/server.js';
import { replay, seed } from './demo';
import type { Site } from './site';

declare module 'vitest' {
  interface ProvidedContext {
    browser: string;
    site: Site;
  }
}

const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export default async function setup(project: TestProject) {
  const running: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of running.reverse()) await end();
  };
  try {
    const browser = await launchBrowser();
    running.push(() => browser.close());
    const server = await Server.start({ streams: STREAMS });
    running.push(() => server.stop());
    await seed(server);
    running.push(replay(server));
    project.provide('browser', browser.wsEndpoint());
    project.provide('site', { url: server.url, brokers: server.brokers, config: server.config });
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** One whose records name their columns, so that they can lack one, and one whose records are no text. */
const STREAMS = `
[[stream]]
name = "machines"
topic = "machines"
partitions = 3
time = { field = "ts", unit = "ms" }
labels = ["site", "device"]
values = ["temperature", "vibration"]
retention = { raw = "90d", 1m = "1y" }

[[stream]]
name = "meters"
topic = "meters"
partitions = 1
format = "messagepack"
time = { field = "ts", unit = "ms" }
labels = ["site"]
values = ["power"]
when = ["site!=test"]
`;

function launchBrowser() {
  return chromium.launchServer({ executablePath: executable(), chromiumSandbox: false, args: FLAGS });
}

function executable(): string {
  const { CHROMIUM } = process.env;
  if (CHROMIUM) return CHROMIUM;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {}
  }
  throw new Error('there is no Chromium: install it, or name it in CHROMIUM');
}
