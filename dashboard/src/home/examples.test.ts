import { expect, test } from 'vitest';
import { kcat, publish, type StreamToFeed } from './examples';

const now = new Date('2026-01-31T12:00:00Z');
const stream = (settings: Partial<StreamToFeed['settings']> = {}): StreamToFeed => ({
  name: 'machines',
  settings: { topic: 'plant.machines', timeField: 'ts', labels: [], values: [], ...settings },
});

test('a stream without a mapping is sent a record that says all of it', () => {
  expect(kcat(stream(), now)).toBe(
    `echo '{"metric":"cpu","labels":{"host":"a"},"ts":"2026-01-31T12:00:00.000Z","value":0.7}' \\
  | kcat -P -b "$KAFKA_BROKERS" -t plant.machines`,
  );
});

test('a stream with a mapping is sent the fields that it names', () => {
  const mapped = stream({ timeField: 'when', labels: ['site'], values: ['temperature', 'vibration'] });
  expect(kcat(mapped, now)).toContain(
    `'{"when":"2026-01-31T12:00:00.000Z","site":"a","temperature":0.7,"vibration":0.7}'`,
  );
});

test('a quote in a name does not end the text of the shell', () => {
  expect(kcat(stream({ values: ["it's"] }), now)).toContain(String.raw`"it'\''s":0.7`);
});

test('the mutation names the stream, not its topic', () => {
  expect(publish(stream())).toContain('stream: "machines"');
});
