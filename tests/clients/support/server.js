// The real binary as a child process, on embedded parts in a directory of its own.
//
// `Server.start()` waits until it is ready; a server that a test leaves running ends with the
// process. One that is killed can be started again on the same port with the same data.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { eventually, unique } from './wait.js';

const STREAM = 'points';
const running = new Set();
process.on('exit', () => running.forEach((server) => server.discard()));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

export class Server {
  topic = '';
  port = 0;
  #child;
  #log = '';
  #dir;

  /**
   * @param {object} plan
   * @param {string} [plan.brokers] of a Kafka that outlives the server; else it embeds its own
   * @param {string} [plan.topic]
   * @param {string} [plan.streams] further ones, as in the file of settings
   * @param {string} [plan.settings] whole sections of that file
   * @param {number} [plan.port] instead of any that is free
   */
  static async start({ brokers, topic = unique('points'), streams = '', settings = '', port = 0 } = {}) {
    const server = new Server();
    server.topic = topic;
    server.port = port;
    server.#dir = mkdtempSync(join(tmpdir(), 'streamsync-clients-'));
    // Run as root, the private Postgres is another user's.
    chmodSync(server.#dir, 0o755);
    const kafka = brokers ? `brokers = ${JSON.stringify(brokers)}\n` : '';
    // The in-process cluster allows forgetting a killed node this soon, Apache Kafka does not.
    const session = process.env.STREAMSYNC_TEST_KAFKA ? '6s' : '2s';
    writeFileSync(
      server.config,
      `[kafka]\n${kafka}group_id = "${unique('clients')}"\nsession_timeout = "${session}"\n` +
        `[http]\ndrain = "1s"\n[[stream]]\nname = "${STREAM}"\ntopic = "${topic}"\npartitions = 2\n${streams}${settings}`,
    );
    await server.startAgain();
    return server;
  }

  /** Returns once it is ready, at the same address as before. */
  async startAgain() {
    this.#log = '';
    const address = `127.0.0.1:${this.port}`;
    const child = spawn(binary(), ['serve', '--config', this.config, '--listen', address, '--data-dir', this.#dir], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    running.add(this);
    child.stderr.setEncoding('utf8').on('data', (text) => (this.#log += text));
    const serving = () => this.#log.match(/serving address=127\.0\.0\.1:(\d+)/);
    await eventually('the server serves', () => serving() || child.exitCode !== null);
    if (!serving()) throw new Error(`the server ended:\n${this.#log}`);
    this.port = Number(serving()[1]);
    await eventually('the server is ready', async () => (await fetch(`${this.url}/readyz`)).ok);
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  get graphql() {
    return `${this.url}/graphql`;
  }

  get websocket() {
    return `ws://127.0.0.1:${this.port}/graphql`;
  }

  /**
   * The address of its Kafka.
   * @returns {string}
   */
  get brokers() {
    return this.#log.match(/kafka="([^"]+)"/)[1];
  }

  async query(query, variables = {}) {
    return ask(this.url, query, variables);
  }

  /** Sends the points of value `from` to `to - 1`, a millisecond apart, through Kafka. */
  async publish(metric, from, to) {
    const points = [];
    for (let n = from; n < to; n++) points.push({ metric, value: n, ts: new Date(base + n).toISOString() });
    await this.query(
      `mutation ($points: [PointInput!]!) { publish(stream: "${STREAM}", points: $points) { accepted } }`,
      { points },
    );
  }

  async stored(metric, count) {
    const query = `query ($metric: String!, $from: DateTime!) {
      points(selector: { metric: $metric }, from: $from, first: 10000) { nodes { value } } }`;
    const from = new Date(base).toISOString();
    await eventually(`${count} points are stored`, async () => {
      const { points } = await this.query(query, { metric, from });
      return points.nodes.length === count;
    });
  }

  /** Waits until it has this many live subscriptions. */
  async subscribers(count) {
    await eventually(`${count} subscriptions are open`, async () => {
      const { pipeline } = await this.query('{ pipeline { subscribers } }');
      return pipeline.subscribers === count;
    });
  }

  /** `kill -9`, as from a crash. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** As an operator stops it: clients are sent away first. */
  async terminate() {
    await this.#end('SIGTERM');
  }

  /** To be called when the tests are over. */
  async stop() {
    if (running.has(this)) await this.terminate();
    this.discard();
  }

  discard() {
    this.#child.kill('SIGKILL');
    running.delete(this);
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  async #end(signal) {
    // False when it has ended by itself.
    const ended = once(this.#child, 'exit');
    if (this.#child.kill(signal)) await ended;
    running.delete(this);
  }

  /** Its file of settings, read at each start. */
  get config() {
    return join(this.#dir, 'streamsync.toml');
  }
}

/** @returns {Promise<any>} the data of the answer */
export async function ask(url, query, variables = {}) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

// Within the last hour, so that no broker's retention has passed it.
const base = Math.floor(Date.now() / 1000) * 1000 - 3_000_000;

/**
 * `STREAMSYNC_BIN`, or what `cargo build` made.
 * @returns {string}
 */
export function binary() {
  const known = process.env.STREAMSYNC_BIN;
  if (known) return known;
  const manifest = fileURLToPath(new URL('../../../Cargo.toml', import.meta.url));
  const metadata = execFileSync(
    process.env.CARGO ?? 'cargo',
    ['metadata', '--manifest-path', manifest, '--format-version', '1', '--no-deps', '--offline'],
    { maxBuffer: 64 << 20 },
  );
  const built = join(JSON.parse(metadata).target_directory, 'debug', 'streamsync');
  if (!existsSync(built)) throw new Error(`${built} is missing: run cargo build, or set STREAMSYNC_BIN`);
  process.env.STREAMSYNC_BIN = built;
  return built;
}
