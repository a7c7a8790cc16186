// Makes docs/images from a demo with a few minutes of data: STREAMSYNC_BIN=… node scripts/screenshots.mjs
//
// STREAMSYNC_BIN is a binary with the feature `dashboard`, CHROMIUM the browser if it is elsewhere.

import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const images = fileURLToPath(new URL('../../docs/images', import.meta.url));
const FILL_MS = Number(process.env.FILL_MS ?? 240_000);

const panels = [
  { m: 'ec2_cpu_utilization', t: 'CPU', u: '%' },
  { m: 'ec2_network_in_bytes', w: 'half', t: 'Network in', u: 'B' },
  { m: 'elb_request_count', w: 'half', t: 'Requests' },
];
const dashboard = Buffer.from(JSON.stringify(['5m', ...panels])).toString('base64url');
/** Name, address, what is there once it is complete, and what is done before. */
const pages = [
  ['home', '/', '[data-connection=live]'],
  ['explore', `/explore?d=1.${dashboard}`, '[data-panel][data-state=live] >> nth=2'],
  ['streams', '/streams', 'td:has-text("Running")'],
  ['dead-letters', '/dead-letters', '[data-letter]', (page) => page.locator('[data-letter] button').first().click()],
  ['playground', '/playground', '.view-lines', (page) => page.getByRole('button', { name: /^Execute/ }).click()],
];
const streams = `
[[stream]]
name = "machines"
partitions = 3
labels = ["site", "device"]
values = ["temperature", "vibration"]
retention = { raw = "90d", 1m = "1y" }
`;
const measured = { ts: Date.now(), site: 'north', device: 'm1', temperature: 21.5, vibration: 0.02 };
const records = [
  JSON.stringify(measured),
  JSON.stringify({ ...measured, device: undefined }),
  JSON.stringify([measured, { ...measured, temperature: 'warm' }]),
  JSON.stringify(measured).slice(0, -8),
];

const demo = await startDemo();
try {
  await sleep(FILL_MS);
  await demo.produce(records);
  mkdirSync(images, { recursive: true });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  for (const colorScheme of ['light', 'dark']) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 800 } });
    for (const each of pages) await take(page, each, `${each[0]}-${colorScheme}`);
  }
  const phone = await browser.newPage({ colorScheme: 'light', viewport: { width: 380, height: 800 } });
  for (const each of pages.slice(0, 2)) await take(phone, each, `${each[0]}-phone`);
  await browser.close();
} finally {
  await demo.stop();
}

async function take(page, [, path, sign, act], name) {
  await page.goto(demo.url + path);
  await page.locator(sign).first().waitFor();
  await act?.(page);
  // For what comes by itself: answers, the next second's values.
  await sleep(2_500);
  await page.screenshot({ path: join(images, `${name}.png`) });
}

async function startDemo() {
  const binary = process.env.STREAMSYNC_BIN;
  const dir = mkdtempSync(join(tmpdir(), 'streamsync-screenshots-'));
  chmodSync(dir, 0o755);
  const config = join(dir, 'streamsync.toml');
  writeFileSync(config, streams);
  const args = ['demo', '--config', config, '--listen', '127.0.0.1:0', '--data-dir', dir, '--pace', '100ms'];
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let log = '';
  for (const from of [child.stdout, child.stderr]) from.setEncoding('utf8').on('data', (text) => (log += text));
  const said = async (pattern) => {
    while (!pattern.test(log)) {
      if (child.exitCode !== null) throw new Error(log);
      await sleep(50);
    }
    return pattern.exec(log)[1];
  };
  const brokers = await said(/kcat -b (\S+)/);
  return {
    url: `http://127.0.0.1:${await said(/127\.0\.0\.1:(\d+)/)}`,
    async produce(lines) {
      const sending = ['produce', '--config', config, '--stream', 'machines', '--kafka-brokers', brokers];
      const sender = spawn(binary, sending, { stdio: ['pipe', 'ignore', 'inherit'] });
      sender.stdin.end(`${lines.join('\n')}\n`);
      await new Promise((resolve) => sender.once('exit', resolve));
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
