// What the benchmark runs beside the contestants: a private Postgres, and Kafka's own tools on the
// broker that `scripts/kafka run` started. Everything started here is stopped by stop().
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const scratch = mkdtempSync(join(tmpdir(), 'streamsync-bench.'));
export const say = (text) => console.error(`bench: ${text}`);
export const brokers = process.env.KAFKA_BROKERS;
const children = new Set();

export function run(command, args, options = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 3).join(' ')} failed: ${stderr}`);
  return stdout.trim();
}

// A long-running process; its output goes to a file in the scratch folder.
export function start(name, command, args, options = {}) {
  const log = openSync(join(scratch, `${name}.log`), 'a');
  const child = spawn(command, args, { stdio: ['ignore', log, log], ...options });
  child.ended = new Promise((resolve) => child.on('exit', resolve).on('error', resolve));
  children.add(child);
  child.ended.then(() => children.delete(child));
  return child;
}

export async function end(child, signal = 'SIGTERM') {
  child.kill(signal);
  const late = globalThis.setTimeout(() => child.kill('SIGKILL'), 30_000);
  await child.ended;
  clearTimeout(late);
}

export async function stop() {
  await Promise.all([...children].map((child) => end(child, 'SIGINT')));
  rmSync(scratch, { recursive: true, force: true });
}

// Runs the benchmark; whatever happens, nothing that was started stays.
export async function runToEnd(main) {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop().finally(() => process.exit(130)));
  let status = 0;
  try {
    await main();
  } catch (error) {
    status = 1;
    say(error.stack);
  } finally {
    await stop();
  }
  process.exit(status);
}

export const logTail = (name) => readFileSync(join(scratch, `${name}.log`), 'utf8').slice(-2000);

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// ---- Postgres: the server's own settings, but for the checkpoints that would fall into one
// contestant's run and not into another's.
const settings = { max_wal_size: '8GB', checkpoint_timeout: '1h', autovacuum: 'off', unix_socket_directories: scratch };
let port;

function postgresBin() {
  const versions = '/usr/lib/postgresql';
  const dirs = [process.env.PG_BIN_DIR, ...(existsSync(versions) ? readdirSync(versions).sort((a, b) => b - a).map((v) => join(versions, v, 'bin')) : [])];
  const found = dirs.find((dir) => dir && existsSync(join(dir, 'initdb')));
  if (!found) throw new Error('no Postgres server binaries: set PG_BIN_DIR');
  return found;
}

// Postgres refuses to run as root.
function unprivileged() {
  if (process.getuid() !== 0) return {};
  const id = (flag) => Number(run('id', [flag, 'postgres']));
  const who = { uid: id('-u'), gid: id('-g') };
  chownSync(scratch, who.uid, who.gid);
  return who;
}

export async function startPostgres() {
  const bin = postgresBin();
  const who = unprivileged();
  const data = join(scratch, 'postgres');
  run(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'], who);
  port = await freePort();
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = start('postgres', join(bin, 'postgres'), ['-D', data, '-p', String(port), '-h', '127.0.0.1', ...options], who);
  for (;;) {
    if (server.exitCode !== null) throw new Error(`postgres ended: ${logTail('postgres')}`);
    if (spawnSync('psql', [url('postgres'), '-c', 'select 1'], { stdio: 'ignore' }).status === 0) return;
    await sleep(100);
  }
}

export const url = (database) => `postgres://postgres@127.0.0.1:${port}/${database}`;
export const sql = (database, query) => run('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', url(database)], { input: query });

// ---- the Node.js peer, which is not part of this repository: a copy with its packages ------------
export const peerDir = resolve(process.env.PEER_DIR ?? join(root, '../shared/peers/node'));

export function installPeer() {
  const copy = join(scratch, 'peer');
  if (existsSync(copy)) return copy;
  cpSync(peerDir, copy, { recursive: true, filter: (path) => !path.includes('node_modules') });
  run('chmod', ['-R', 'u+w', copy]);
  run('npm', ['ci', '--silent', '--no-audit', '--no-fund'], { cwd: copy });
  return copy;
}

// ---- Kafka ------------------------------------------------------------------------------------
const tool = (name) => [join(root, 'scripts/kafka'), ['tool', `org.apache.kafka.tools.${name}`, '--bootstrap-server', brokers]];

export function createTopic(topic, partitions) {
  const [command, args] = tool('TopicCommand');
  run(command, [...args, '--create', '--topic', topic, '--partitions', String(partitions)]);
}

// Uncompressed, with keys; `lines` yields texts of "key<TAB>value" lines.
export async function produce(topic, lines, rows) {
  const [command, args] = tool('ConsoleProducer');
  const properties = ['parse.key=true', 'key.separator=\t'].flatMap((one) => ['--reader-property', one]);
  const producer = spawn(command, [...args, '--topic', topic, '--compression-codec', 'none', '--batch-size', '131072', '--command-property', 'linger.ms=20', ...properties], { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => producer.on('exit', resolve));
  for (const text of lines) {
    if (!producer.stdin.write(text)) await new Promise((resolve) => producer.stdin.once('drain', resolve));
  }
  producer.stdin.end();
  if ((await ended) !== 0) throw new Error(`producing to ${topic} failed`);
  const [offsets, rest] = tool('GetOffsetShell');
  const held = run(offsets, [...rest, '--topic', topic]).split('\n').reduce((sum, line) => sum + Number(line.split(':')[2]), 0);
  if (held !== rows) throw new Error(`${topic} holds ${held} records, not ${rows}`);
}
