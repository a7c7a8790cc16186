/** The server under test as its clients see it: what is published, produced and asked. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ask, binary } from '../../../tests/clients/support/server.js';
import { eventually } from '../../../tests/clients/support/wait.js';

export interface Site {
  url: string;
  brokers: string;
  /** Its file of settings. */
  config: string;
}

export interface PublishedPoint {
  metric: string;
  labels?: Record<string, string>;
  /** Milliseconds since 1970. */
  time: number;
  value: number;
}

const PUBLISH = 'mutation ($points: [PointInput!]!) { publish(stream: "points", points: $points) { accepted } }';
// The server takes as many points again, but no longer message.
const MOST_AT_ONCE = 5_000;

/** Sends points through Kafka, and returns when Kafka has them. */
export async function publish({ url }: Pick<Site, 'url'>, points: PublishedPoint[]): Promise<void> {
  for (let first = 0; first < points.length; first += MOST_AT_ONCE) {
    const inputs = points.slice(first, first + MOST_AT_ONCE).map(({ metric, labels = {}, time, value }) => ({
      metric,
      labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
      ts: new Date(time).toISOString(),
      value,
    }));
    await ask(url, PUBLISH, { points: inputs });
  }
}

/** Sends lines to a stream's topic as they are, broken ones too. */
export async function produce(
  { brokers, config }: Site,
  stream: string,
  lines: readonly (string | Buffer)[],
): Promise<void> {
  const sent = promisify(execFile)(binary(), [
    'produce',
    ...['--stream', stream, '--config', config, '--kafka-brokers', brokers],
  ]);
  sent.child.stdin?.end(Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.of(0x0a)])));
  await sent;
}

/** A record of the stream `meters` in MessagePack, without the byte that ends a line. Values are from 11 to 127. */
export function meterRecord({ site, power }: { site: string; power?: number }): Buffer {
  const text = (value: string) => Buffer.from([0xa0 + value.length, ...Buffer.from(value)]);
  const fields = [text('ts'), text(new Date().toISOString()), text('site'), text(site)];
  if (power !== undefined) fields.push(text('power'), Buffer.of(power));
  return Buffer.concat([Buffer.of(0x80 + fields.length / 2), ...fields]);
}

/** Sends lines that become dead letters, and waits until they have. */
export async function refuse(site: Site, stream: string, lines: readonly (string | Buffer)[]): Promise<void> {
  const waiting = async (): Promise<number> => {
    const { deadLetterReasons } = await ask(site.url, '{ deadLetterReasons { stream count } }');
    const counts = deadLetterReasons.filter((each: { stream: string }) => each.stream === stream);
    return counts.reduce((sum: number, each: { count: number }) => sum + each.count, 0);
  };
  const before = await waiting();
  await produce(site, stream, lines);
  await eventually('the lines are dead letters', async () => (await waiting()) === before + lines.length);
}

export interface StoredPoint {
  time: number;
  value: number | null;
}

const HISTORY = `query ($metric: String!, $from: DateTime!, $step: Step, $aggregate: [Aggregate!]) {
  history(selector: { metric: $metric }, from: $from, step: $step, aggregate: $aggregate) {
    series { key }
    points { ts value }
  }
}`;

/** The points of each series since `from`, or buckets of them. */
export async function history(
  { url }: Pick<Site, 'url'>,
  variables: { metric: string; from: number; step?: string; aggregate?: string[] },
): Promise<Map<string, StoredPoint[]>> {
  const data = await ask(url, HISTORY, { ...variables, from: new Date(variables.from).toISOString() });
  return new Map(
    data.history.map((line: { series: { key: string }; points: { ts: string; value: number | null }[] }) => [
      line.series.key,
      line.points.map(({ ts, value }) => ({ time: Date.parse(ts), value })),
    ]),
  );
}
