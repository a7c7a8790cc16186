'use client';

import { useState } from 'react';
import { useMay } from '@/api/auth';
import { useApi } from '@/api/query';
import { Copyable } from '@/ui/copyable';
import { Select } from '@/ui/fields';
import { Empty, Loading, Trouble } from '@/ui/states';
import { StreamsToFeed } from './documents';
import { CONFIGURATION, kcat, publish, type StreamToFeed } from './examples';

/** In place of values, while there are none. */
export function FirstSteps() {
  if (useMay('publish')) return <HowToBegin />;
  return (
    <Empty title="Nothing has come yet">Series that your role may read show here as soon as they have a point.</Empty>
  );
}

function HowToBegin() {
  const { data, error, refetch } = useApi(StreamsToFeed, {});
  if (error) return <Trouble error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading label="The streams are on their way" className="h-96" />;
  const [first, ...others] = data.pipeline.streams;
  return first ? <Feed streams={[first, ...others]} /> : <NoStream />;
}

function NoStream() {
  return (
    <Empty title="There is no stream yet">
      <p className="mb-3">
        A stream reads one Kafka topic. Name one in <code>streamsync.toml</code> and start the server again.
      </p>
      <Copyable title="streamsync.toml" text={CONFIGURATION} />
    </Empty>
  );
}

function Feed({ streams }: { streams: [StreamToFeed, ...StreamToFeed[]] }) {
  const [name, setName] = useState(streams[0].name);
  const [now] = useState(() => new Date());
  const stream = streams.find((one) => one.name === name) ?? streams[0];
  return (
    <Empty title="Nothing has come yet">
      <p className="mb-3">Send a first record to Kafka, or publish a point. It shows here a moment later.</p>
      <div className="flex flex-col gap-3">
        {streams.length > 1 && (
          <Select label="Stream" value={stream.name} options={streams.map((one) => one.name)} onChange={setName} />
        )}
        <Copyable title="With kcat" text={kcat(stream, now)} />
        <p className="text-left text-xs">
          <code>KAFKA_BROKERS</code> holds the address of Kafka. With the embedded broker, the server prints it at its
          start.
        </p>
        <Copyable title="With GraphQL" text={publish(stream)} />
        {/* The playground's content security policy is its own: it needs a full load. */}
        <a href="/playground" className="text-accent text-left underline underline-offset-2">
          Run it in the playground
        </a>
      </div>
    </Empty>
  );
}
