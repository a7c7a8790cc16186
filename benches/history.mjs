#!/usr/bin/env node
// Questions about the past: StreamSync against the same question in plain SQL on the raw table and
// against VictoriaMetrics, all loaded with the same points and asked by the same HTTP client, taking
// turns. Prints Markdown; progress goes to stderr.
//
//   make bench-history    (= node benches/history.mjs, after a release build)
//
//   DAYS=7 FAST=20 SLOW=1000 ASKED=200 ROUNDS=3 STREAMSYNC=target/release/streamsync
import { existsSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { end, freePort, installPeer, logTail, peerDir, root, run, runToEnd, say, scratch, sql, start, startPostgres, url } from './servers.mjs';

const DAYS = Number(process.env.DAYS ?? 7);
const FAST = Number(process.env.FAST ?? 20); // series with a point each second
const SLOW = Number(process.env.SLOW ?? 1000); // and each five minutes
const ASKED = Number(process.env.ASKED ?? 200);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const binary = resolve(process.env.STREAMSYNC ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release/streamsync'));

const DAY = 86_400_000;
const MINUTE = 60_000;
// Whole 5 minutes, so that every contestant cuts the same buckets.
const until = Math.floor(Date.now() / 300_000) * 300_000;
const since = until - DAYS * DAY;
const iso = (ms) => new Date(ms).toISOString();
const db = 'history';

// ---- the same points for all ------------------------------------------------------------------

function loadPostgres() {
  sql('postgres', `create database ${db}`);
  run(binary, ['migrate', '--database-url', url(db)]);
  for (let from = Math.floor(since / DAY) * DAY; from <= until; from += DAY) {
    const name = `points_p${iso(from).slice(0, 10).replaceAll('-', '')}`;
    sql(db, `create table ${name} partition of points for values from ('${iso(from)}') to ('${iso(from + DAY)}')`);
  }
  sql(db, `
    insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset) values ('bench', 'bench', 0, 1, '-', 0);
    insert into series (key, metric, labels, stream)
    select format('%s{device="%s",site="s%s"}', metric, to_char(n, 'fm00000'), n % 10), metric,
           jsonb_build_object('device', to_char(n, 'fm00000'), 'site', 's' || n % 10), 'bench'
    from (select n, case when n <= ${FAST} then 'fast' else 'slow' end as metric from generate_series(1, ${FAST + SLOW}) n) s order by n`);
  const insert = (which, step) => sql(db, `
    insert into points (series_id, partition_id, ts, value, "offset", recorded_at)
    select s.id, 1, t, round((50 + 20 * sin(extract(epoch from t) / 3600 + s.id) + 5 * sin(extract(epoch from t) * s.id))::numeric, 3), 0, t
    from (select id from series where metric = '${which}') s, generate_series(timestamptz '${iso(since)}', timestamptz '${iso(until - 1)}', '${step}') t
    order by s.id, t`);
  insert('fast', '1 s');
  insert('slow', '5 min');
  sql(db, `
    insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
    select min, max, array[id], array[min], array[max] from series,
      lateral (select min(ts) as min, max(ts) as max from points where series_id = id) p;
    vacuum analyze`);
}

async function loadVictoria(port) {
  const copy = spawn('psql', ['-qAtX', '-F', '\t', url(db), '-c', `copy (
      select s.metric, s.labels->>'device', s.labels->>'site', (extract(epoch from ts) * 1000)::bigint, value
      from series s join points p on p.series_id = s.id order by s.id, ts) to stdout`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let of = null;
  let values = [];
  let times = [];
  let loaded = 0;
  const flush = async () => {
    if (!values.length) return;
    const [name, device, site] = of.split('\t');
    await http(port, '/api/v1/import', JSON.stringify({ metric: { __name__: name, device, site }, values, timestamps: times }));
    loaded += values.length;
    values = [];
    times = [];
  };
  for await (const line of createInterface({ input: copy.stdout })) {
    const fields = line.split('\t');
    const series = fields.slice(0, 3).join('\t');
    if (series !== of || values.length === 50_000) await flush();
    of = series;
    times.push(Number(fields[3]));
    values.push(Number(fields[4]));
  }
  await flush();
  await http(port, '/internal/force_flush');
  return loaded;
}

// ---- one client for all -----------------------------------------------------------------------

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function http(port, path, body, key) {
  return new Promise((done, failed) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    if (key) headers['x-api-key'] = key;
    const sent = request({ agent, host: '127.0.0.1', port, path, method: body === undefined ? 'GET' : 'POST', headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode >= 300) failed(new Error(`${path.slice(0, 200)}: ${response.statusCode} ${text.slice(0, 500)}`));
        else done(text);
      });
      response.on('error', failed);
    });
    sent.on('error', failed);
    sent.end(body);
  });
}

// ---- the questions ----------------------------------------------------------------------------

const device = (n) => String(n).padStart(5, '0');
const graphql = (query) => JSON.stringify({ query });
const one = `{metric: "fast", labels: [{name: "device", value: "${device(3)}"}]}`;
const first100 = Array.from({ length: 100 }, (_, i) => device(i + 1)).join('|');
const seconds = (ms) => Math.floor(ms / 1000);
const range = (query, from, to, step) => `/api/v1/query_range?nocache=1&query=${encodeURIComponent(query)}&start=${seconds(from)}&end=${seconds(to) - 1}&step=${step}`;
const width = Math.ceil((DAYS * 86_400) / 1000); // seconds, for a thousand points
const day = until - DAY;
const bucket = (step) => `date_bin('${step}', ts, 'epoch')`;

const questions = [
  {
    name: 'last point of one series',
    graphql: `{ latest(selector: ${one}) { ts value } }`,
    sql: `select ts, value from points where series_id = 3 order by ts desc limit 1`,
    victoria: `/api/v1/query?nocache=1&query=fast%7Bdevice%3D%22${device(3)}%22%7D&time=${seconds(until)}`,
  },
  {
    name: `last point of all ${FAST + SLOW} series`,
    graphql: '{ latest(selector: {}) { series { key } ts value } }',
    sql: `select s.key, p.ts, p.value from series s, lateral (select ts, value from points where series_id = s.id order by ts desc limit 1) p`,
    victoria: `/api/v1/query?nocache=1&query=%7B__name__%3D~%22fast%7Cslow%22%7D&time=${seconds(until)}`,
  },
  {
    name: 'one 1 s series, a day at 1 m',
    graphql: `{ history(selector: ${one}, from: "${iso(day)}", to: "${iso(until)}", step: "1m") { points { ts value } } }`,
    sql: `select ${bucket('1 min')}, avg(value) from points where series_id = 3 and ts >= '${iso(day)}' and ts < '${iso(until)}' group by 1 order by 1`,
    victoria: range(`avg_over_time(fast{device="${device(3)}"}[1m])`, day, until, '1m'),
    rows: 1440,
  },
  {
    name: `one 1 s series, ${DAYS} days to 1,000 points, mean`,
    graphql: `{ history(selector: ${one}, from: "${iso(since)}", to: "${iso(until)}", step: "10m") { points { ts value } } }`,
    sql: `select ${bucket('10 min')}, avg(value) from points where series_id = 3 and ts >= '${iso(since)}' and ts < '${iso(until)}' group by 1 order by 1`,
    victoria: range(`avg_over_time(fast{device="${device(3)}"}[10m])`, since, until, '10m'),
  },
  {
    name: `one 1 s series, ${DAYS} days to 1,000 points, shape (maxPoints)`,
    graphql: `{ history(selector: ${one}, from: "${iso(since)}", to: "${iso(until)}", maxPoints: 1000) { points { ts value } } }`,
    // The nearest that SQL can say shortly: the extremes of each of 500 spans.
    sql: `select ${bucket(`${2 * width} s`)}, min(value), max(value) from points where series_id = 3 and ts >= '${iso(since)}' and ts < '${iso(until)}' group by 1 order by 1`,
    victoria: range(`rollup(fast{device="${device(3)}"}[${2 * width}s])`, since, until, `${2 * width}s`),
  },
  {
    name: '100 series grouped, a day at 5 m',
    graphql: `{ history(selector: {labels: [{name: "device", op: MATCHES, value: "${first100}"}]}, from: "${iso(day)}", to: "${iso(until)}", step: "5m", groupBy: ["site"], across: AVG) { points { ts value } } }`,
    sql: `select site, ts, avg(value) from (
        select labels->>'site' as site, ${bucket('5 min')} as ts, series_id, avg(value) as value from points join series on id = series_id
        where id <= 100 and ts >= '${iso(day)}' and ts < '${iso(until)}' group by 1, 2, 3) s group by 1, 2 order by 1, 2`,
    victoria: range(`avg by (site) (avg_over_time({__name__=~"fast|slow",device=~"${first100}"}[5m]))`, day, until, '5m'),
    rows: 2880,
  },
];

const baseline = { name: 'select 1', sql: 'select 1' };

const contestants = [
  { key: 'graphql', title: 'StreamSync', ask: (q, ports) => http(ports.graphql, '/graphql', graphql(q.graphql)) },
  { key: 'sql', title: 'plain SQL', ask: (q, ports) => http(ports.sql, '/', JSON.stringify({ sql: q.sql, name: q.name.slice(0, 60) })) },
  { key: 'victoria', title: 'VictoriaMetrics', ask: (q, ports) => http(ports.victoria, q.victoria) },
  { key: 'keyed', title: 'StreamSync, with a key', ask: (q, ports) => http(ports.keyed, '/graphql', graphql(q.graphql), ports.key) },
];

// ---- the run ----------------------------------------------------------------------------------

const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];
const ms = (value) => value.toFixed(value < 10 ? 2 : 1);

async function ready(name, child, asked) {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${logTail(name)}`);
    if (await asked().catch(() => false)) return;
    await sleep(200);
  }
}

// The same averages, bucket by bucket, before anything is timed.
async function agree(ports) {
  const ours = JSON.parse(await contestants[0].ask(questions[2], ports));
  if (ours.errors) throw new Error(JSON.stringify(ours.errors));
  const points = ours.data.history[0].points;
  const theirs = JSON.parse(await contestants[1].ask(questions[2], ports));
  const near = points.length === theirs.length && points.every((p, i) => Math.abs(p.value - theirs[i][1]) <= 1e-9 * Math.abs(p.value));
  if (!near) throw new Error(`the answers differ: ${points.length} and ${theirs.length} buckets`);
}

async function measure(ask, count) {
  const taken = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    await ask();
    taken.push(performance.now() - began);
  }
  return taken;
}

async function main() {
  if (!existsSync(binary)) throw new Error(`${binary} is not there: cargo build --release`);
  if (!existsSync(peerDir)) throw new Error(`${peerDir} is not there: its driver is what plain SQL is asked with`);
  const victoria = spawnSync('victoria-metrics', ['--version']).status === 0;
  if (!victoria) {
    say('**** SKIPPED: VictoriaMetrics is not installed (apt-get install victoria-metrics) ****');
    console.log('**SKIPPED: VictoriaMetrics is not installed; nothing below is measured against it.**\n');
  }
  await startPostgres();
  let began = performance.now();
  loadPostgres();
  const total = Number(sql(db, 'select count(*) from points'));
  say(`${total} points in Postgres after ${((performance.now() - began) / 1000).toFixed(0)} s`);

  const ports = { graphql: await freePort(), keyed: await freePort(), sql: await freePort(), victoria: await freePort() };
  const config = join(scratch, 'history.toml');
  writeFileSync(config, '[[stream]]\nname = "bench"\n');
  const { REDIS_URL, KAFKA_BROKERS, ...env } = process.env;
  began = performance.now();
  const serve = (name, config, port) => start(name, binary, ['serve', '--config', config, '--database-url', url(db), '--listen', `127.0.0.1:${port}`], { env });
  const server = serve('streamsync', config, ports.graphql);
  await ready('streamsync', server, async () => (await http(ports.graphql, '/readyz')) && true);
  const pending = `select count(*) + (select count(*) from rollup_edge where edge < '${iso(until - MINUTE)}') from invalidations, rollup_edge where min_ts < edge`;
  await ready('streamsync', server, async () => sql(db, pending) === '0');
  say(`rollups made in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  sql(db, 'vacuum analyze');

  // A second node for who has a key and a scope; its own stream keeps it from the first one's records.
  const guarded = join(scratch, 'guarded.toml');
  writeFileSync(guarded, `data_dir = "${join(scratch, 'guarded')}"\n[auth.roles.reader]\noperations = ["read"]\nread = ["fast", "slow"]\n[[stream]]\nname = "other"\n`);
  ports.key = run(binary, ['keys', 'create', 'bench', '--role', 'reader', '--config', guarded, '--database-url', url(db)]);
  const keyed = serve('keyed', guarded, ports.keyed);
  await ready('keyed', keyed, async () => (await http(ports.keyed, '/readyz')) && true);

  if (victoria) {
    const child = start('victoria', 'victoria-metrics', [`-storageDataPath=${join(scratch, 'victoria')}`, `-httpListenAddr=127.0.0.1:${ports.victoria}`, '-retentionPeriod=1y', '-search.maxUniqueTimeseries=100000', '-search.latencyOffset=0s']);
    await ready('victoria', child, () => http(ports.victoria, '/health'));
    began = performance.now();
    say(`${await loadVictoria(ports.victoria)} points in VictoriaMetrics after ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
  const packages = join(installPeer(), 'package.json');
  const plain = start('sql', process.execPath, [join(root, 'benches/sql.mjs'), String(ports.sql), url(db), packages]);
  await ready('sql', plain, () => contestants[1].ask(baseline, ports));
  const present = contestants.filter((c) => c.key !== 'victoria' || victoria);
  await agree(ports);

  const taken = new Map();
  const add = (key, values) => taken.set(key, [...(taken.get(key) ?? []), ...values]);
  for (let round = 1; round <= ROUNDS; round++) {
    for (const question of questions) {
      add('select 1', await measure(() => contestants[1].ask(baseline, ports), ASKED));
      for (const contestant of present) {
        await measure(() => contestant.ask(question, ports), 3);
        // What takes long is asked less often.
        const [probe] = await measure(() => contestant.ask(question, ports), 1);
        const count = Math.max(10, Math.min(ASKED, Math.floor(5_000 / probe)));
        add(`${question.name}/${contestant.key}`, await measure(() => contestant.ask(question, ports), count));
      }
    }
    say(`round ${round} done`);
  }
  await Promise.all([server, keyed].map((child) => end(child)));

  console.log(`${total.toLocaleString('en')} points: ${FAST} series at 1 s and ${SLOW} at 5 min over ${DAYS} days. ${cpus().length} cores (${cpus()[0].model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB; Postgres ${sql('postgres', 'show server_version').split(' ')[0]}; Node.js ${process.version}.`);
  console.log(`\`select 1\` over HTTP: p50 ${ms(quantile(taken.get('select 1'), 0.5))} ms, p99 ${ms(quantile(taken.get('select 1'), 0.99))} ms.\n`);
  console.log(`| question | ${present.map((c) => `${c.title}, p50 / p99 ms`).join(' | ')} | with a key : without | SQL : StreamSync${victoria ? ' | VictoriaMetrics : StreamSync' : ''} |\n|${'---|'.repeat(present.length + (victoria ? 4 : 3))}`);
  for (const question of questions) {
    const of = (key) => taken.get(`${question.name}/${key}`);
    const ratio = (key) => (quantile(of(key), 0.5) / quantile(of('graphql'), 0.5)).toFixed(2);
    const cells = present.map((c) => `${ms(quantile(of(c.key), 0.5))} / ${ms(quantile(of(c.key), 0.99))}`);
    console.log(`| ${question.name} | ${cells.join(' | ')} | ${ratio('keyed')} | ${ratio('sql')}${victoria ? ` | ${ratio('victoria')}` : ''} |`);
  }
  const last = taken.get(`${questions[0].name}/graphql`);
  console.log(`\nLast point of one series, p99 : \`select 1\`, p99 = ${(quantile(last, 0.99) / quantile(taken.get('select 1'), 0.99)).toFixed(2)}`);
}

await runToEnd(main);
