import { useState } from 'react';
import type { PartitionNowFragment, SettingsFragment, StreamNowFragment } from '@/api/generated/graphql';
import { useSubscription } from '@/api/live';
import { useApi } from '@/api/query';
import { StreamsAtFirst, StreamsLive } from './documents';
import { type Rates, type Reading, ratesOf, readingOf, remember } from './rates';

export interface Now {
  at: string;
  streams: readonly StreamNowFragment[];
  partitions: readonly PartitionNowFragment[];
}

/** The streams at once, then each second. */
export function useStreams() {
  const [readings, setReadings] = useState<readonly Reading[]>([]);
  const first = useApi(StreamsAtFirst, {});
  const live = useSubscription(StreamsLive, {}, ({ pipeline: { at, streams } }) =>
    setReadings((before) => remember(before, readingOf(at, streams))),
  );
  const now: Now | undefined = live.data?.pipeline ?? first.data?.pipeline;
  return {
    now,
    settings: (name: string): SettingsFragment | undefined =>
      first.data?.pipeline.streams.find((stream) => stream.name === name)?.settings,
    rates: (name: string): Rates | undefined => ratesOf(readings, name),
    error: live.error ?? (now ? null : first.error),
    again() {
      live.again();
      void first.refetch();
    },
  };
}
