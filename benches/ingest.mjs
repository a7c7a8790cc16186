#!/usr/bin/env node
// Kafka -> Postgres: StreamSync against `psql \copy` of the same rows and a hand-written Node.js
// peer, in one run on one machine. Prints Markdown; progress goes to stderr.
//
//   make bench            (= scripts/kafka run node benches/ingest.mjs, after a release build)
//
//   ROWS=1000000 ROUNDS=3 CONTESTANTS=copy,peer,streamsync,plain,upsert BACKLOG=10 (million records, off by
//   default) PEER_DIR=../shared/peers/node STREAMSYNC=target/release/streamsync
import { createWriteStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rows, SERIES, seriesKey } from './rows.mjs';
import { brokers, createTopic, end, freePort, installPeer, logTail, peerDir, produce, root, run, say, scratch, sql, start, startPostgres, runToEnd, url } from './servers.mjs';

const PARTITIONS = 4;
const ROWS = Number(process.env.ROWS ?? 1_000_000);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const BACKLOG = Number(process.env.BACKLOG ?? 0) * 1_000_000;
const binary = resolve(process.env.STREAMSYNC ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release/streamsync'));
const LIMIT = 1_800_000;

const rows = new Rows(ROWS);
const csvFile = join(scratch, 'rows.csv');
let runs = 0;

// ---- what every run starts from ---------------------------------------------------------------

// The table as StreamSync makes it, with the days of the data made ahead, for all alike.
function makeTemplate() {
  sql('postgres', 'create database template');
  run(binary, ['migrate', '--database-url', url('template')]);
  const day = 86_400_000;
  const oldest = Math.min(rows.first, new Rows(Math.max(BACKLOG, ROWS)).first);
  for (let from = Math.floor(oldest / day) * day; from < Date.now(); from += day) {
    const edge = (ms) => new Date(ms).toISOString();
    const name = `points_${edge(from).slice(0, 10).replaceAll('-', '')}`;
    sql('template', `create table ${name} partition of points for values from ('${edge(from)}') to ('${edge(from + day)}')`);
  }
}

function freshDatabase() {
  const name = `run_${++runs}`;
  sql('postgres', `create database ${name} template template`);
  sql('postgres', 'checkpoint');
  return name;
}

// Waits for `done()`, asked every 100 ms; the seconds since `began`.
async function until(began, name, child, done) {
  while (!done()) {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${logTail(name)}`);
    if (performance.now() - began > LIMIT) throw new Error(`${name} is not done: ${logTail(name)}`);
    await sleep(100);
  }
  return (performance.now() - began) / 1000;
}

// One number for all the content, whatever the order of the rows.
const CONTENT = (points, series) => `
  select count(*) || ' ' || coalesce(sum(hashtextextended(s.key || ' ' || (extract(epoch from ts) * 1000)::bigint || ' ' || value, 0)::numeric), 0)
  from ${points} p join ${series} s on s.id = p.series_id`;

const expected = {};
function verify(what, content) {
  expected[what] ??= content;
  if (expected[what] !== content) throw new Error(`the ${what} tables differ: ${content}, not ${expected[what]}`);
}

// ---- contestants: each returns { seconds, memory? } --------------------------------------------

async function copy() {
  const db = freshDatabase();
  const series = Array.from({ length: SERIES }, (_, i) => `('${seriesKey(i)}', 'bench', '{}', 'bench')`);
  sql(db, `insert into series (key, metric, labels, stream) values ${series.join(',')}`);
  const began = performance.now();
  sql(db, `\\copy points (series_id, partition_id, ts, value, "offset", recorded_at) from '${csvFile}' csv`);
  const seconds = (performance.now() - began) / 1000;
  verify('in-order', sql(db, CONTENT('points', 'series')));
  sql('postgres', `drop database ${db}`);
  return { seconds };
}

async function peer() {
  const db = freshDatabase();
  const cwd = installPeer();
  const env = { ...process.env, KAFKA_BROKERS: brokers, TOPIC: 'bench', GROUP: `peer-${runs}`, DATABASE_URL: url(db), PORT: String(await freePort()) };
  const began = performance.now();
  const child = start('peer', process.execPath, ['server.mjs'], { cwd, env });
  // Its rows take 52 bytes of an 8 KiB page; counting is dear, so it waits until most are there.
  const full = (ROWS / 157) * 8192 * 0.97;
  const size = `select coalesce(pg_relation_size(to_regclass('peer_points')), 0)`;
  const seconds = await until(began, 'peer', child, () => Number(sql(db, size)) >= full && Number(sql(db, 'select count(*) from peer_points')) === ROWS);
  await end(child);
  verify('in-order', sql(db, CONTENT('peer_points', 'peer_series')));
  sql('postgres', `drop database ${db}`);
  return { seconds };
}

// VmHWM: the most memory the process ever held, in MiB.
function memory(pid, field = 'VmHWM') {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(status.match(new RegExp(`${field}:\\s+(\\d+)`))[1]) / 1024);
}

async function streamsync(topic, count, what, { rollups = true, onPoll = () => {} } = {}) {
  const db = freshDatabase();
  const config = join(scratch, `${topic}.toml`);
  writeFileSync(config, `[rollups]\nenabled = ${rollups}\n[kafka]\ngroup_id = "bench-${runs}"\n[[stream]]\nname = "${topic}"\npartitions = ${PARTITIONS}\n`);
  const { REDIS_URL, ...env } = process.env;
  const began = performance.now();
  const child = start('streamsync', binary, ['serve', '--config', config, '--kafka-brokers', brokers, '--database-url', url(db), '--listen', `127.0.0.1:${await freePort()}`], { env });
  const query = `select coalesce(sum(next_offset), 0) from ingest_offsets where topic = '${topic}'`;
  const seconds = await until(began, 'streamsync', child, () => {
    const read = Number(sql(db, query));
    onPoll(child.pid, read);
    return read >= count;
  });
  const peak = memory(child.pid);
  await end(child);
  verify(what, sql(db, CONTENT('points', 'series')));
  const letters = sql(db, 'select count(*) from dead_letters');
  if (letters !== '0') throw new Error(`${letters} dead letters`);
  sql('postgres', `drop database ${db}`);
  return { seconds, memory: peak };
}

const contestants = {
  copy: { title: '`psql \\copy` of the same rows', run: copy },
  peer: { title: 'Node.js peer', run: peer },
  streamsync: { title: 'StreamSync', run: () => streamsync('bench', ROWS, 'in-order') },
  plain: { title: 'StreamSync without rollups', run: () => streamsync('bench', ROWS, 'in-order', { rollups: false }) },
  upsert: { title: 'StreamSync, late and repeated points', run: () => streamsync('bench-late', ROWS, 'late') },
};

// ---- the run ----------------------------------------------------------------------------------

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const rate = (seconds) => Math.round(ROWS / seconds).toLocaleString('en');

async function prepare(names) {
  say(`${ROWS} rows, rounds: ${ROUNDS}, contestants: ${names.join(', ')}; Kafka at ${brokers}`);
  await startPostgres();
  makeTemplate();
  const file = createWriteStream(csvFile, { mode: 0o644 });
  for (const text of rows.inOrder((i) => rows.csv(i, PARTITIONS))) file.write(text) || (await new Promise((r) => file.once('drain', r)));
  await new Promise((r) => file.end(r));
  const fill = async (topic, lines, count) => {
    createTopic(topic, PARTITIONS);
    const began = performance.now();
    await produce(topic, lines, count);
    say(`${topic}: ${count} records produced in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  };
  await fill('bench', rows.inOrder((i) => rows.record(i)), ROWS);
  if (names.includes('upsert')) {
    await fill('bench-late', rows.lateAndRepeated(), ROWS);
  }
  if (BACKLOG) {
    const many = new Rows(BACKLOG);
    await fill('bench-backlog', many.inOrder((i) => many.record(i)), BACKLOG);
  }
}

function report(names, results) {
  const one = (query) => sql('postgres', query);
  console.log(`${ROWS.toLocaleString('en')} records of about ${rows.record(0).split('\t')[1].length} bytes, ${SERIES} series, ${PARTITIONS} partitions, uncompressed.`);
  console.log(`${cpus().length} cores (${cpus()[0].model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB; Postgres ${one('show server_version').split(' ')[0]}, synchronous_commit ${one('show synchronous_commit')}; Node.js ${process.version}.\n`);
  const columns = Array.from({ length: ROUNDS }, (_, i) => `round ${i + 1}, s`);
  console.log(`| contestant | ${columns.join(' | ')} | median rows/s | peak memory, MiB |\n|${'---|'.repeat(ROUNDS + 3)}`);
  for (const name of names) {
    const seconds = results[name].map((r) => r.seconds);
    const peaks = results[name].map((r) => r.memory).filter(Boolean);
    console.log(`| ${contestants[name].title} | ${seconds.map((s) => s.toFixed(1)).join(' | ')} | ${rate(median(seconds))} | ${peaks.length ? Math.max(...peaks) : ''} |`);
  }
  const ratio = (a, b) => median(results[b].map((r, i) => r.seconds / results[a][i].seconds)).toFixed(2);
  const pairs = [['streamsync', 'copy'], ['streamsync', 'peer'], ['streamsync', 'plain'], ['upsert', 'streamsync'], ['upsert', 'copy'], ['peer', 'copy']].filter((pair) => pair.every((name) => names.includes(name)));
  console.log('\n| speed, median of the rounds | ratio |\n|---|---|');
  for (const [a, b] of pairs) console.log(`| ${contestants[a].title} : ${contestants[b].title} | ${ratio(a, b)} |`);
}

async function backlog() {
  const samples = [];
  let next = 0;
  const { seconds, memory: peak } = await streamsync('bench-backlog', BACKLOG, 'backlog', { onPoll: (pid, read) => {
    if (read < next) return;
    samples.push([read, memory(pid, 'VmRSS'), memory(pid)]);
    next += BACKLOG / 10;
  } });
  console.log(`\nA backlog of ${BACKLOG.toLocaleString('en')} records: ${seconds.toFixed(0)} s, peak ${peak} MiB.\n\n| records stored | resident, MiB | peak so far, MiB |\n|---|---|---|`);
  for (const sample of samples) console.log(`| ${sample[0].toLocaleString('en')} | ${sample[1]} | ${sample[2]} |`);
}

async function main() {
  if (!brokers) throw new Error('KAFKA_BROKERS is unset: run it through `scripts/kafka run` (make bench)');
  if (!existsSync(binary)) throw new Error(`${binary} is not there: cargo build --release`);
  let names = (process.env.CONTESTANTS ?? Object.keys(contestants).join()).split(',').filter(Boolean);
  if (names.includes('peer') && !existsSync(peerDir)) {
    names = names.filter((name) => name !== 'peer');
    say(`**** SKIPPED: the Node.js peer: ${peerDir} is not there ****`);
    console.log('**SKIPPED: the Node.js peer is not there; nothing below is measured against it.**\n');
  }
  await prepare(names);
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 1; round <= ROUNDS; round++) {
    for (const name of names) {
      const result = await contestants[name].run();
      results[name].push(result);
      say(`round ${round}, ${name}: ${result.seconds.toFixed(1)} s${result.memory ? `, peak ${result.memory} MiB` : ''}`);
    }
  }
  report(names, results);
  if (BACKLOG) await backlog();
}

await runToEnd(main);
