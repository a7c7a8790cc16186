/** What to send to a stream to see something, ready to paste. */
import type { StreamsToFeedQuery } from '@/api/generated/graphql';

export type StreamToFeed = StreamsToFeedQuery['pipeline']['streams'][number];

/** One record as this stream reads it. */
function record({ settings: { timeField, labels, values } }: StreamToFeed, now: Date): Record<string, unknown> {
  if (values.length === 0) return { metric: 'cpu', labels: { host: 'a' }, ts: now.toISOString(), value: 0.7 };
  return {
    [timeField]: now.toISOString(),
    ...Object.fromEntries(labels.map((name) => [name, 'a'])),
    ...Object.fromEntries(values.map((name) => [name, 0.7])),
  };
}

const inShell = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

export const kcat = (stream: StreamToFeed, now: Date): string =>
  `echo ${inShell(JSON.stringify(record(stream, now)))} \\\n  | kcat -P -b "$KAFKA_BROKERS" -t ${stream.settings.topic}`;

export const publish = ({ name }: StreamToFeed): string => `mutation {
  publish(
    stream: ${JSON.stringify(name)}
    points: [{ metric: "cpu", labels: [{ name: "host", value: "a" }], value: 0.7 }]
  ) {
    accepted
  }
}`;

export const CONFIGURATION = `[[stream]]
name = "points"`;
