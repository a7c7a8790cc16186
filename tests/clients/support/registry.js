// Schema registries as child processes: Apicurio Registry of scripts/registry, or what stands in for it.

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { eventually } from './wait.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
export const KINDS = {
  'Apicurio Registry': { command: [here('../../../scripts/registry'), 'serve'], path: '/apis/ccompat/v7' },
  'what stands in for one': { command: ['python3', here('../../api/support/stand_in.py')], path: '', guids: true },
};
const UNAVAILABLE = 75;
// Java starts slowly on a loaded machine.
const PATIENCE = 240_000;

export class Registry {
  #child;
  #dir = mkdtempSync(join(tmpdir(), 'streamsync-registry-'));

  /** Undefined where it cannot be had. */
  static async start({ command, path }) {
    const registry = new Registry();
    const port = await freePort();
    registry.url = `http://127.0.0.1:${port}${path}`;
    const [program, ...parameters] = command;
    const child = spawn(program, [...parameters, registry.#dir, port], { stdio: ['ignore', 'ignore', 'inherit'] });
    registry.#child = child;
    let missing = false;
    child.on('error', () => (missing = true));
    process.on('exit', () => registry.discard());
    const ended = () => missing || child.exitCode !== null;
    const answers = async () => ended() || (await fetch(`${registry.url}/subjects`)).ok;
    await eventually('the registry answers', answers, PATIENCE);
    if (!ended()) return registry;
    registry.discard();
    if (missing || child.exitCode === UNAVAILABLE) return undefined;
    throw new Error(`the registry ended with ${child.exitCode}`);
  }

  async stop() {
    const ended = once(this.#child, 'exit');
    if (this.#child.kill('SIGTERM')) await ended;
    this.discard();
  }

  discard() {
    this.#child.kill('SIGKILL');
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** None that the kernel gives to a connection until the registry listens. */
async function freePort() {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(() => true, () => false);
    server.close();
    if (isFree) return port;
  }
}
