/** What writers write a second, counted as the streams are. */
import type { WriterNowFragment } from '@/api/generated/graphql';
import { type Reading, ratesOf, readingOf } from './rates';

export interface WriterRates {
  points: number;
}

type Named = Pick<WriterNowFragment, 'stream' | 'principal' | 'path'>;

export const keyOf = ({ stream, principal, path }: Named): string => JSON.stringify([stream, principal, path]);

export const readingOfWriters = (at: string, writers: readonly WriterNowFragment[]): Reading =>
  readingOf(
    at,
    writers.map((writer) => ({
      name: keyOf(writer),
      records: writer.requests,
      stored: writer.points,
      deadLetters: writer.refused,
    })),
  );

export function writerRates(readings: readonly Reading[], key: string): WriterRates | undefined {
  const rates = ratesOf(readings, key);
  return rates && { points: rates.stored };
}
