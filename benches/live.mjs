#!/usr/bin/env node
// Live delivery: StreamSync against the same schema through async-graphql's own WebSocket, the
// Node.js peer, and a loop that only writes the bytes; one run on one machine. The server under
// test has core 0 to itself; Kafka, Postgres and the load generator (benches/live/) share core 1.
// Prints Markdown; progress goes to stderr.
//
//   make bench-live                  (builds both programs, then runs this on core 1)
//
//   QUICK=1 (5 minutes instead of 12) CLIENTS=500 IDLE=10000 KEEP=100 (ms that p99 may take)
//   CONTESTANTS=ours,stock,peerGraphql,peerRaw,oursPlain,bound,stall,idle,access PEER_DIR=../shared/peers/node
//   STREAMSYNC=… GENERATOR=… (the two programs, instead of asking cargo for them)
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { brokers, createTopic, end, freePort, installPeer, logTail, peerDir, root, run, say, scratch, sql, start, startPostgres, runToEnd, url } from './servers.mjs';

const QUICK = Boolean(process.env.QUICK);
const CLIENTS = Number(process.env.CLIENTS ?? 500);
const KEEP = Number(process.env.KEEP ?? 100);
const SECONDS = QUICK ? 1.5 : 4;
const PARTITIONS = Number(process.env.PARTITIONS ?? 4);
const SELECTED = (process.env.CONTESTANTS ?? (QUICK ? 'ours,stock,peerGraphql,bound,stall,idle,access' : '')).split(',').filter(Boolean);
const SCOPES = 100;
const capture = join(scratch, 'tick.frames');
// Cargo names the generator's file as it likes.
const built = { streamsync: process.env.STREAMSYNC, live: process.env.GENERATOR };
const FILES = Number(run('sh', ['-c', 'ulimit -Hn']).replace('unlimited', '1000000'));

// 20,000 and 50,000 deliveries a second with 500 clients: 4 and 10 points every 100 ms.
const RATES = [40, 100];
const FIRST = { ours: 400, stock: 40, peerGraphql: 20, peerRaw: 20, oursPlain: 400, bound: 400 };

// ---- servers: each { child, address, topic } ------------------------------------------------------

let runs = 0;

// All files the system allows, and core 0.
function startAlone(name, command, args, options) {
  return start(name, 'sh', ['-c', `ulimit -n ${FILES}; exec taskset -c 0 "$@"`, 'sh', command, ...args], options);
}

async function ready(name, child, path, port) {
  for (let i = 0; i < 300; i++) {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${logTail(name)}`);
    const status = await fetch(`http://127.0.0.1:${port}${path}`).then((answer) => answer.status, () => 0);
    if (status && status !== 503) return;
    await sleep(100);
  }
  throw new Error(`${name} is not ready: ${logTail(name)}`);
}

async function fresh(name, partitions = PARTITIONS) {
  const topic = `live-${++runs}`;
  createTopic(topic, partitions);
  sql('postgres', `create database live_${runs}`);
  return { name, topic, db: url(`live_${runs}`), port: await freePort() };
}

// With `scopes` there is access control: an API key for each of so many roles, whose scopes differ
// and all hold every series that is asked for.
async function streamsync(name, scopes = 0) {
  const { topic, db, port } = await fresh(name);
  const config = join(scratch, `${topic}.toml`);
  const roles = Array.from({ length: scopes }, (_, i) => `[auth.roles.reader${i}]\noperations = ["read"]\nread = ["live", "other_${i}"]\n`);
  // Whoever has no key may read /metrics.
  const auth = scopes ? `[auth]\nanonymous = "operator"\n[auth.roles.operator]\noperations = ["operate"]\n${roles.join('')}` : '';
  writeFileSync(config, `${auth}[kafka]\ngroup_id = "${topic}"\n[http]\nworkers = 1\n[[stream]]\nname = "live"\ntopic = "${topic}"\n`);
  const { REDIS_URL, ...env } = process.env;
  const args = ['serve', '--config', config, '--kafka-brokers', brokers, '--database-url', db, '--listen', `127.0.0.1:${port}`];
  const child = startAlone(name, built.streamsync, args, { env });
  await ready(name, child, '/readyz', port);
  const key = (role) => run(built.streamsync, ['keys', 'create', role, '--role', role, '--config', config, '--database-url', db]);
  return { child, topic, address: `127.0.0.1:${port}`, keys: roles.map((_, i) => key(`reader${i}`)) };
}

async function peer(name) {
  const { topic, db, port } = await fresh(name);
  const env = { ...process.env, KAFKA_BROKERS: brokers, TOPIC: topic, GROUP: topic, DATABASE_URL: db, PORT: String(port) };
  const child = startAlone(name, process.execPath, ['server.mjs'], { cwd: installPeer(), env });
  await ready(name, child, '/api/points', port);
  for (let i = 0; i < 300 && !logTail(name).includes('"ready":true'); i++) await sleep(100);
  return { child, topic, address: `127.0.0.1:${port}` };
}

async function bound(name) {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const child = startAlone(name, built.live, ['bound', address, capture]);
  await sleep(500);
  return { child, topic: '', address };
}

const servers = {
  ours: { title: 'StreamSync', start: streamsync, dialect: 'ours' },
  stock: { title: 'the same schema, async-graphql 7.2 with its own WebSocket', start: streamsync, dialect: 'stock' },
  peerGraphql: { title: 'Node.js peer, graphql-ws', start: peer, dialect: 'peer-graphql' },
  peerRaw: { title: 'Node.js peer, plain ws', start: peer, dialect: 'peer-raw' },
  oursPlain: { title: 'StreamSync, plain JSON at /ws', start: streamsync, dialect: 'ours-plain' },
  bound: { title: 'the bound: a loop that writes the same bytes', start: bound, dialect: 'bound' },
};

// ---- measuring --------------------------------------------------------------------------------

// Runs the generator; its lines of JSON.
async function generate(name, command, server, args) {
  const all = [command, '--dialect', servers[name].dialect, '--server', server.address, '--pid', String(server.child.pid), '--brokers', brokers, '--topic', server.topic, ...(server.keys?.length ? ['--keys', server.keys.join()] : []), ...args];
  const child = spawn(built.live, all, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const result = JSON.parse(line);
    lines.push(result);
    say(`${name}: ${describe(result)}`);
  }
  const code = child.exitCode ?? (await new Promise((resolve) => child.on('exit', resolve)));
  if (code !== 0) throw new Error(`the generator failed at ${name}: ${logTail(name)}`);
  return lines;
}

function describe(r) {
  if (r.settled !== undefined) return `${r.settled.toFixed(1)} KiB resident for each of ${r.clients} (${r.opened.toFixed(1)} at first, ${r.afterUse.toFixed(1)} after some messages), ${r.lost} lost, ${(r.cpu * 100).toFixed(1)} % of a core`;
  return `${r.what} ${count(r.offered)}/s offered, ${count(r.delivered)}/s delivered in ${count(r.messages)} messages, p50 ${r.p50?.toFixed(1)} p99 ${r.p99?.toFixed(1)} ms, us each ${r.user.toFixed(3)} user ${r.system.toFixed(3)} system, cores ${r.busy.map((b) => b.toFixed(2)).join(' ')}${r.lost ? `, ${r.lost} lost` : ''}${r.kept ? '' : ' (missed)'}`;
}

const load = (name, server, args) =>
  generate(name, 'load', server, ['--clients', String(CLIENTS), '--keep', String(KEEP), '--seconds', String(SECONDS), ...args]);

// The share of a process's samples that were in a system call which writes to a socket, by perf,
// while `during` runs; undefined without perf.
async function writeShare(pid, during) {
  const data = join(scratch, `perf.${pid}`);
  const perf = spawn('perf', ['record', '-q', '-g', '-e', 'cpu-clock', '-F', '997', '-p', String(pid), '-o', data], { stdio: 'ignore' });
  const ended = new Promise((resolve) => perf.on('exit', resolve).on('error', resolve));
  await during();
  perf.kill('SIGINT');
  await ended;
  const { status, stdout } = spawnSync('perf', ['script', '-i', data, '-F', 'ip,sym'], { encoding: 'utf8', maxBuffer: 1 << 30 });
  if (status !== 0) return undefined;
  const samples = stdout.split(/\n\n+/).filter((sample) => sample.trim());
  const writes = samples.filter((sample) => /\b(__x64_sys_(sendto|sendmsg|write|writev)|ksys_write|do_writev|__sys_sendto)\b/.test(sample));
  return samples.length ? writes.length / samples.length : undefined;
}

// One server in a process of its own: its limit, then the fixed rates below it.
async function limits(name) {
  const server = await servers[name].start(name);
  const share = (step) => writeShare(server.child.pid, () => load(name, server, ['--rates', String(step.rate)]));
  const capturing = name === 'ours' || name === 'bound' ? ['--capture', capture] : [];
  const search = await load(name, server, ['--search', String(FIRST[name]), ...capturing]);
  const best = search.filter((step) => step.kept).sort((a, b) => b.rate - a.rate)[0];
  const results = { best, fixed: [] };
  if (name !== 'bound') {
    if (best) best.writing = await share(best);
    const rates = RATES.filter((rate) => name === 'stock' || rate <= best?.rate);
    if (rates.length) results.fixed = await load(name, server, ['--rates', rates.join()]);
    const last = results.fixed.at(-1);
    if (last) last.writing = await share(last);
  }
  await end(server.child);
  return results;
}

async function stall(rate) {
  const server = await streamsync('ours');
  const stalled = Math.round(CLIENTS / 10);
  const lines = await load('ours', server, ['--rates', Array(QUICK ? 1 : 3).fill(rate).join(), '--stall', String(stalled)]);
  await end(server.child);
  const p99 = (what) => median(lines.filter((line) => line.what === what).map((line) => line.p99));
  return { rate: rate * (CLIENTS - stalled), before: p99('rate'), after: p99('stalled') };
}

async function idle(name, scopes = 0) {
  const server = await servers[name].start(name, scopes);
  const clients = Math.min(Number(process.env.IDLE ?? (QUICK ? 2000 : 10_000)), FILES - 500);
  const [result] = await generate(name, 'idle', server, ['--clients', String(clients)]);
  await end(server.child);
  return result;
}

// One rate, by turns, for a server without access control, with one role and with many scopes.
// What a delivery costs, and how often a point is encoded for each scope that there is.
async function access() {
  const rounds = QUICK ? 3 : 7;
  const contestants = [];
  for (const scopes of [0, 1, SCOPES]) contestants.push({ scopes, server: await streamsync(`scopes${scopes}`, scopes), costs: [] });
  for (let round = 0; round < rounds; round++) {
    for (const { server, costs } of contestants) {
      const [step] = await load('ours', server, ['--rates', String(RATES[1])]);
      costs.push(step.user + step.system);
    }
  }
  const metrics = await fetch(`http://${contestants[2].server.address}/metrics`).then((answer) => answer.text());
  const of = (name, label) => metrics.split('\n').filter((line) => line.startsWith(name) && line.includes(label));
  const total = (name, label = '') => of(name, label).reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
  for (const { server } of contestants) await end(server.child);
  const [open, one, many] = contestants.map(({ costs }) => median(costs));
  const encodings = total('streamsync_encoded_points_total') / total('streamsync_points_total', 'outcome="stored"');
  return { open, one, many, encodings };
}

// ---- the run ----------------------------------------------------------------------------------

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const count = (number) => Math.round(number).toLocaleString('en');

// Without what went into writing; NaN where perf is missing.
const unwritten = (step) => (step ? (step.user + step.system) * (1 - (step.writing ?? NaN)) : NaN);
const us = (number) => (Number.isFinite(number) ? number.toFixed(3) : '');
const ms = (number) => number?.toFixed(1) ?? '';
const costs = (step) => `${us(step.user)} | ${us(step.system)} | ${us(unwritten(step))}`;

function report(results) {
  const rows = Object.keys(servers).filter((name) => results[name]).map((name) => ({ title: servers[name].title, ...results[name] }));
  console.log(`${CLIENTS} clients x 10 series, the same selection, a tick every 100 ms; ${PARTITIONS} partitions.${QUICK ? ' QUICK: short measurements.' : ''}`);
  console.log(`${cpus().length} cores (${cpus()[0].model.trim()}); Postgres ${sql('postgres', 'show server_version').split(' ')[0]}; Node.js ${process.version}.\n`);
  console.log(`| the most with p99 <= ${KEEP} ms | deliveries/s | messages/s | MB/s | p50, ms | p99, ms | user, us each | system, us each | without writing | core 0 | core 1 |\n|${'---|'.repeat(11)}`);
  for (const { title, best: b } of rows) {
    if (!b) console.log(`| ${title} | none |${' |'.repeat(9)}`);
    else console.log(`| ${title} | ${count(b.delivered)} | ${count(b.messages)} | ${(b.bytes / 1e6).toFixed(1)} | ${ms(b.p50)} | ${ms(b.p99)} | ${costs(b)} | ${b.busy[0].toFixed(2)} | ${b.busy[1].toFixed(2)} |`);
  }
  console.log(`\n| at a fixed rate | offered/s | delivered/s | messages/s | p50, ms | p99, ms | user, us each | system, us each | without writing |\n|${'---|'.repeat(9)}`);
  for (const { title, fixed } of rows) {
    for (const f of fixed) console.log(`| ${title} | ${count(f.offered)} | ${count(f.delivered)} | ${count(f.messages)} | ${ms(f.p50)} | ${ms(f.p99)} | ${costs(f)} |`);
  }
  ratios(results);
}

function ratios({ ours, stock, peerGraphql, peerRaw, bound: loop, stall: stalled, idle: held, idleStock, idleKeyed, access: who }) {
  const rate = (result) => result?.best?.delivered;
  const at = (result, rate) => result?.fixed.find((step) => step.rate === rate);
  const [at20, at50, stock50] = [at(ours, RATES[0]), at(ours, RATES[1]), at(stock, RATES[1])];
  const rows = [
    ['deliveries/s : the same schema through stock async-graphql', rate(ours) / rate(stock), '>= 10, or 0.5 of the bound'],
    ['deliveries/s : the bound', rate(ours) / rate(loop), '>= 0.5, or 10 of stock'],
    ['deliveries/s : Node.js peer, graphql-ws', rate(ours) / rate(peerGraphql), '>= 5'],
    ['deliveries/s : Node.js peer, plain ws', rate(ours) / rate(peerRaw), ''],
    ['CPU of a delivery without writing, each at its limit : stock', unwritten(ours?.best) / unwritten(stock?.best), '<= 0.1'],
    ['user time of a delivery, each at its limit : stock', ours?.best?.user / stock?.best?.user, ''],
    [`CPU of a delivery without writing, both at ${count(at50?.offered)}/s : stock`, unwritten(at50) / unwritten(stock50), ''],
    [`p50 from Kafka append at ${count(at20?.offered)}/s, ms`, at20?.p50, '<= 10'],
    [`p99 from Kafka append at ${count(at20?.offered)}/s, ms`, at20?.p99, '<= 50'],
    [`p99 of the others at ${count(stalled?.rate)}/s, 10 % of the clients stalled : none`, stalled?.after / stalled?.before, '< 1.1'],
    [`KiB resident for each of ${count(held?.clients)} idle connections`, Math.max(held?.opened, held?.settled), '<= 32'],
    ['the same after each got 20 messages or more', held?.afterUse, ''],
    ['KiB resident for each idle connection with an API key', Math.max(idleKeyed?.opened, idleKeyed?.settled), '<= 32'],
    ['KiB resident for each idle connection through stock async-graphql', Math.max(idleStock?.opened, idleStock?.settled), ''],
    [`CPU of a delivery at ${count(RATES[1] * CLIENTS)}/s with API keys of one role : without access control`, who?.one / who?.open, '<= 1.03'],
    [`the same with ${SCOPES} scopes`, who?.many / who?.open, ''],
    [`encodings of a point for ${SCOPES} scopes of one shape : ${SCOPES}`, who?.encodings / SCOPES, '<= 1.5'],
  ];
  console.log('\n| StreamSync | measured | asked |\n|---|---|---|');
  for (const [what, value, asked] of rows) if (Number.isFinite(value)) console.log(`| ${what} | ${value.toFixed(value < 1 ? 3 : 2)} | ${asked} |`);
}

function askCargo() {
  const [cargo, ...args] = process.env.BUILD.split(' ');
  const lines = run(cargo, [...args, '--quiet', '--message-format', 'json'], { cwd: root }).split('\n').filter((line) => line.startsWith('{'));
  for (const { target, executable } of lines.map(JSON.parse)) if (executable) built[target.name] ??= executable;
}

async function main() {
  if (!brokers || !(process.env.BUILD || (built.streamsync && built.live))) throw new Error('run it by `make bench-live`');
  if (cpus().length < 2) throw new Error('it needs two cores: one for the server, one for all else');
  if (process.env.BUILD) askCargo();
  const wanted = (name) => !SELECTED.length || SELECTED.includes(name);
  await startPostgres();
  const results = {};
  for (const name of Object.keys(servers).filter(wanted)) {
    if (name.startsWith('peer') && !existsSync(peerDir)) {
      say(`**** SKIPPED: the Node.js peer: ${peerDir} is not there ****`);
      console.log('**SKIPPED: the Node.js peer is not there; nothing below is measured against it.**\n');
      continue;
    }
    if (name === 'bound' && !existsSync(capture)) continue;
    results[name] = await limits(name);
  }
  if (wanted('stall')) {
    const most = results.ours?.best?.rate ?? 2000;
    results.stall = await stall(Math.floor(most / 40) * 10);
  }
  if (wanted('idle')) {
    results.idle = await idle('ours');
    results.idleStock = await idle('stock');
    results.idleKeyed = await idle('ours', 1);
  }
  if (wanted('access')) results.access = await access();
  report(results);
}

await runToEnd(main);
