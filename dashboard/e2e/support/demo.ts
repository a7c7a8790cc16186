/** The recordings of `demo/`: half an hour of them as the past, and from there on live. */
import { readFileSync } from 'node:fs';
import { eventually } from '../../../tests/clients/support/wait.js';
import { steadily } from './pace';
import { history, type PublishedPoint, publish, type Site } from './site';

type Server = Pick<Site, 'url'>;

const STEP_MS = 1_000;
const PAST = 30 * 60;

const RECORDINGS = [
  recording('ec2_cpu_utilization', { instance: '24ae8d' }, 'ec2_cpu_utilization_24ae8d'),
  recording('ec2_cpu_utilization', { instance: '53ea38' }, 'ec2_cpu_utilization_53ea38'),
  recording(
    'ec2_network_in_bytes',
    { instance: 'a2eb1cd9', region: 'us-east-1' },
    'iio_us-east-1_i-a2eb1cd9_NetworkIn',
  ),
  recording('elb_request_count', { balancer: '8c0756' }, 'elb_request_count_8c0756'),
  recording('ad_cost_per_click', { exchange: '2' }, 'exchange-2_cpc_results'),
  recording('key_hold', { host: 'workstation' }, 'rogue_agent_key_hold'),
];

function recording(metric: string, labels: Record<string, string>, file: string) {
  const csv = readFileSync(new URL(`../../../demo/${file}.csv`, import.meta.url), 'utf8');
  const rows = csv.trim().split('\n').slice(1);
  return { metric, labels, values: rows.map((row) => Number(row.split(',')[1])) };
}

function valuesAt(n: number, time: number): PublishedPoint[] {
  return RECORDINGS.map(({ metric, labels, values }) => ({
    metric,
    labels,
    time,
    value: values[n % values.length] as number,
  }));
}

/** One value of each recording for every second of the last half hour. */
export async function seed(server: Server): Promise<void> {
  const from = Date.now() - PAST * STEP_MS;
  const past = Array.from({ length: PAST }, (_, n) => valuesAt(n, from + n * STEP_MS));
  await publish(server, past.flat());
  await eventually('the past is stored', async () => {
    const stored = await Promise.all(RECORDINGS.map(({ metric }) => history(server, { metric, from: from - STEP_MS })));
    return stored.every((lines) => [...lines.values()].every((line) => line.length >= PAST));
  });
}

/** Publishes the values that follow at a steady pace, until the returned function is called. */
export function replay(server: Server): () => Promise<void> {
  let n = PAST;
  return steadily(STEP_MS, () => publish(server, valuesAt(n++, Date.now())));
}
