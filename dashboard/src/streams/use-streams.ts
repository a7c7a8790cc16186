import { useState } from 'react';
import type {
  PartitionNowFragment,
  SettingsFragment,
  StreamNowFragment,
  WriterNowFragment,
} from '@/api/generated/graphql';
import { useSubscription } from '@/api/live';
import { useApi } from '@/api/query';
import { LetterReasons } from '@/letters/documents';
import { EVERYTHING, waiting } from '@/letters/filter';
import { StreamsAtFirst, StreamsLive } from './documents';
import { type Rates, type Reading, ratesOf, readingOf, remember } from './rates';
import { readingOfWriters, type WriterRates, writerRates } from './writer-rates';

const LETTERS_EVERY_MS = 10_000;

export interface Now {
  at: string;
  streams: readonly StreamNowFragment[];
  partitions: readonly PartitionNowFragment[];
  writers: readonly WriterNowFragment[];
}

/** The streams at once, then each second. */
export function useStreams() {
  const [readings, setReadings] = useState<readonly Reading[]>([]);
  const first = useApi(StreamsAtFirst, {});
  const [written, setWritten] = useState<readonly Reading[]>([]);
  // From the store, so that a restart forgets none, nor those of other nodes.
  const reasons = useApi(LetterReasons, {}, { refetchInterval: LETTERS_EVERY_MS, retry: false });
  const live = useSubscription(StreamsLive, {}, ({ pipeline: { at, streams, writers } }) => {
    setReadings((before) => remember(before, readingOf(at, streams)));
    setWritten((before) => remember(before, readingOfWriters(at, writers)));
  });
  const now: Now | undefined = live.data?.pipeline ?? first.data?.pipeline;
  return {
    now,
    settings: (name: string): SettingsFragment | undefined =>
      first.data?.pipeline.streams.find((stream) => stream.name === name)?.settings,
    rates: (name: string): Rates | undefined => ratesOf(readings, name),
    writerRates: (key: string): WriterRates | undefined => writerRates(written, key),
    /** How many dead letters of a stream wait; nothing while that is not known. */
    waiting: (name: string): number | undefined =>
      reasons.data && waiting({ ...EVERYTHING, stream: name }, reasons.data.deadLetterReasons),
    error: live.error ?? (now ? null : first.error),
    again() {
      live.again();
      void first.refetch();
    },
  };
}
