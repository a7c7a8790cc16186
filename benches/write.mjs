#!/usr/bin/env node
// Points written over HTTP: StreamSync beside VictoriaMetrics and InfluxDB 1 of Debian, which take the
// same bytes. Prints Markdown; progress goes to stderr.
//
//   make bench-write      (= scripts/kafka run node benches/write.mjs, after a release build)
//
//   SECONDS=10 SENDERS=4 RATE=150000 LATENCY=20 CONTESTANTS=streamsync,victoria,influx STREAMSYNC=target/release/streamsync
//
// The server has core 0 to itself; Kafka, Postgres and the senders share core 1. What is counted of a
// server is its CPU time for each sample, and from an answer of 2xx until the last sample can be read.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { brokers, end, freePort, root, run, say, scratch, sql, start, startPostgres, runToEnd, url } from './servers.mjs';

const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const SECONDS = number('SECONDS', 10);
const SENDERS = number('SENDERS', 4);
const RATE = number('RATE', 150_000);
const LATENCY = number('LATENCY', 20);
const MANY = number('MANY', 1_000);
const HOSTS = 400;
const FIELDS = 5;
const SAMPLES = HOSTS * FIELDS;
const binary = resolve(process.env.STREAMSYNC ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release/streamsync'));
const TICKS = Number(run('getconf', ['CLK_TCK']));
const agent = new Agent({ keepAlive: true, maxSockets: Infinity });

function ask(method, address, body) {
  return new Promise((done, failed) => {
    const sent = request(address, { method, agent }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => done({ status: answer.statusCode, text: Buffer.concat(chunks).toString() }));
    });
    sent.on('error', failed);
    sent.end(body);
  });
}

// A sample of each series, as a scrape has them. A sender has hosts of its own, and sends them in order.
const clocks = new Map();
function lines(sender = 'one', extra = '') {
  const clock = (clocks.get(sender) ?? Date.now() - 3_600_000) + 10;
  clocks.set(sender, clock);
  const out = [];
  for (let host = 0; host < HOSTS; host++) {
    const fields = Array.from({ length: FIELDS }, (_, field) => `field${field}=${host % 100}.${clock % 10}`);
    out.push(`cpu,host=${sender}-${String(host).padStart(4, '0')},region=eu-central-1,rack=r${host % 20} ${fields.join(',')} ${clock}`);
  }
  return out.join('\n') + extra;
}

async function until(what, done, patience = 60_000) {
  const before = performance.now();
  while (!(await done().catch(() => false))) {
    if (performance.now() - before > patience) throw new Error(`${what}: not within ${patience} ms`);
    await sleep(2);
  }
}

// ---- contestants: each starts and returns { pid, write, seen(n), stop() } -----------------------

const pinned = (name, command, args, options) => start(name, 'taskset', ['-c', '0', command, ...args], options);

const contestants = {
  async streamsync() {
    sql('postgres', 'create database streamsync');
    const port = await freePort();
    const config = join(scratch, 'streamsync.toml');
    writeFileSync(config, '[[stream]]\nname = "written"\npartitions = 4\n');
    const { REDIS_URL, ...env } = process.env;
    const child = pinned('streamsync', binary, ['serve', '--config', config, '--kafka-brokers', brokers, '--database-url', url('streamsync'), '--listen', `127.0.0.1:${port}`], { env });
    const base = `http://127.0.0.1:${port}`;
    await until('streamsync is ready', async () => (await ask('GET', `${base}/readyz`)).status === 200);
    const from = new Date(Date.now() - 60_000).toISOString();
    return {
      title: 'StreamSync',
      child,
      write: `${base}/write?precision=ms`,
      seen: async (n) => (await ask('GET', `${base}/api/v1/points?metric=marker&from=${from}&format=csv`)).text.split('\n').some((row) => Number(row.split(',').pop()) === n),
    };
  },
  async victoria() {
    const port = await freePort();
    const child = pinned('victoria', 'victoria-metrics', [`-storageDataPath=${join(scratch, 'victoria')}`, `-httpListenAddr=127.0.0.1:${port}`, '-retentionPeriod=10', '-search.latencyOffset=0s']);
    const base = `http://127.0.0.1:${port}`;
    await until('VictoriaMetrics is ready', async () => (await ask('GET', `${base}/health`)).status === 200);
    return {
      title: 'VictoriaMetrics',
      child,
      write: `${base}/write?precision=ms`,
      seen: async (n) => (await ask('GET', `${base}/api/v1/export?match[]=marker_value`)).text.includes(String(n)),
    };
  },
  async influx() {
    const port = await freePort();
    const rpc = await freePort();
    const data = join(scratch, 'influx');
    mkdirSync(data);
    const config = join(scratch, 'influx.conf');
    const sections = [`bind-address = "127.0.0.1:${rpc}"`, 'reporting-disabled = true', `[meta]\ndir = "${data}/meta"`, `[data]\ndir = "${data}/data"\nwal-dir = "${data}/wal"`, `[http]\nbind-address = "127.0.0.1:${port}"\nlog-enabled = false`, '[monitor]\nstore-enabled = false'];
    writeFileSync(config, sections.join('\n'));
    const child = pinned('influx', 'influxd', ['-config', config]);
    const base = `http://127.0.0.1:${port}`;
    await until('InfluxDB is ready', async () => (await ask('GET', `${base}/ping`)).status === 204);
    await ask('POST', `${base}/query?q=${encodeURIComponent('create database bench')}`);
    return {
      title: 'InfluxDB 1',
      child,
      write: `${base}/write?db=bench&precision=ms`,
      seen: async (n) => (await ask('GET', `${base}/query?db=bench&q=${encodeURIComponent('select last(value) from marker')}`)).text.includes(String(n)),
    };
  },
};

const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
const missing = { streamsync: () => false, victoria: () => !has('victoria-metrics'), influx: () => !has('influxd') };

// ---- what is measured ---------------------------------------------------------------------------

function cpu(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

const memory = (pid, field) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`${field}:\\s+(\\d+)`))[1]) / 1024;

async function write(server, body) {
  const { status, text } = await ask('POST', server.write, body);
  if (status !== 204) throw new Error(`${server.title} answered ${status}: ${text.slice(0, 300)}`);
}

// As fast as it takes them; or so many samples a second.
async function writeFor(server, seconds, rate = Infinity) {
  let samples = 0;
  const began = performance.now();
  const senders = Array.from({ length: SENDERS }, async (_, sender) => {
    while (performance.now() - began < seconds * 1000) {
      const due = (samples / rate) * 1000 - (performance.now() - began);
      if (due > 0) {
        await sleep(due);
        continue;
      }
      samples += SAMPLES;
      await write(server, lines(`s${sender}`));
    }
  });
  await Promise.all(senders);
  return { samples, seconds: (performance.now() - began) / 1000 };
}

let markers = 100_000;
async function marked(server) {
  const n = ++markers;
  await write(server, lines('one', `\nmarker value=${n} ${Date.now()}\n`));
  const answered = performance.now();
  await until(`sample ${n} is read`, () => server.seen(n));
  return performance.now() - answered;
}

async function measure(name) {
  say(`${name} starts`);
  const server = await contestants[name]();
  await marked(server);
  const before = cpu(server.child.pid);
  const full = await writeFor(server, SECONDS);
  const spent = cpu(server.child.pid) - before;
  // All of it is stored now.
  await marked(server);
  const stored = cpu(server.child.pid) - before;
  const waits = [];
  const going = writeFor(server, LATENCY, RATE);
  let over = false;
  going.finally(() => (over = true));
  while (!over) {
    waits.push(await marked(server));
    await sleep(50);
  }
  const steady = await going;
  waits.sort((a, b) => a - b);
  const before1000 = memory(server.child.pid, 'VmHWM');
  // Who is told to come back comes back.
  const insist = async (body) => {
    while ((await ask('POST', server.write, body)).status !== 204) await sleep(1_000);
  };
  await Promise.all(Array.from({ length: MANY }, () => insist(lines())));
  const result = {
    title: server.title,
    rate: full.samples / full.seconds,
    perCore: full.samples / spent,
    nanos: (stored / full.samples) * 1e9,
    steady: steady.samples / steady.seconds,
    p50: waits[Math.floor(waits.length * 0.5)],
    p99: waits[Math.floor(waits.length * 0.99)],
    waits: waits.length,
    memory: before1000,
    many: memory(server.child.pid, 'VmHWM'),
  };
  await end(server.child);
  return result;
}

await runToEnd(async () => {
  await startPostgres();
  const names = (process.env.CONTESTANTS ?? 'streamsync,victoria,influx').split(',');
  const results = [];
  for (const name of names) {
    if (missing[name]()) {
      say(`**** SKIPPED: ${name}: not installed (Debian: victoria-metrics, influxdb) ****`);
      continue;
    }
    results.push(await measure(name));
  }
  const whole = (n) => Math.round(n).toLocaleString('en');
  console.log(`\n${SAMPLES} samples a request, ${SENDERS} senders; line protocol, the same bytes for all\n`);
  console.log('| server | samples/s taken | samples/s and core until answered | CPU ns a sample until stored | rate while waiting | answered to readable p50, p99, ms | memory, MiB | with 1,000 senders |');
  console.log('|---|---|---|---|---|---|---|---|');
  for (const r of results) {
    console.log(`| ${r.title} | ${whole(r.rate)} | ${whole(r.perCore)} | ${whole(r.nanos)} | ${whole(r.steady)} | ${whole(r.p50)}, ${whole(r.p99)} (${r.waits}) | ${whole(r.memory)} | ${whole(r.many)} |`);
  }
  const ours = results.find((r) => r.title === 'StreamSync');
  if (!ours) return;
  console.log('\n| ratio | measured |\n|---|---|');
  for (const other of results.filter((r) => r !== ours)) {
    console.log(`| samples/s taken, StreamSync : ${other.title} | ${(ours.rate / other.rate).toFixed(2)} |`);
    console.log(`| samples for each second of CPU, StreamSync : ${other.title} | ${(other.nanos / ours.nanos).toFixed(2)} |`);
  }
});
