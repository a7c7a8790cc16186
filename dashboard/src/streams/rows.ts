/** The streams as rows of a table: joined with their partitions, sorted and narrowed. */
import type { PartitionNowFragment, StreamNowFragment } from '@/api/generated/graphql';
import type { Tone } from '@/ui/pill';
import type { Rates } from './rates';

export interface Row {
  stream: StreamNowFragment;
  partitions: readonly PartitionNowFragment[];
  /** Of all its partitions. */
  lag: number;
  rates: Rates | undefined;
  state: RowState;
}

export type RowState = 'paused' | 'trouble' | 'running' | 'idle';

export const STATES: Record<RowState, { tone: Tone; title: string }> = {
  paused: { tone: 'bad', title: 'Paused' },
  trouble: { tone: 'bad', title: 'Stands still' },
  running: { tone: 'good', title: 'Running' },
  idle: { tone: 'quiet', title: 'Idle' },
};

export function rowsOf(
  streams: readonly StreamNowFragment[],
  partitions: readonly PartitionNowFragment[],
  ratesOf: (name: string) => Rates | undefined,
): Row[] {
  const byStream = new Map<string, PartitionNowFragment[]>(streams.map(({ name }) => [name, []]));
  for (const partition of partitions) byStream.get(partition.stream)?.push(partition);
  return streams.map((stream) => {
    const own = byStream.get(stream.name) ?? [];
    const rates = ratesOf(stream.name);
    return {
      stream,
      partitions: own,
      lag: own.reduce((sum, { lag }) => sum + lag, 0),
      rates,
      state: stateOf(stream, own, rates),
    };
  });
}

function stateOf(stream: StreamNowFragment, own: readonly PartitionNowFragment[], rates: Rates | undefined): RowState {
  if (stream.paused) return 'paused';
  if (own.some(({ trouble }) => trouble)) return 'trouble';
  return (rates?.records ?? 0) > 0 ? 'running' : 'idle';
}

export type Order = 'attention' | 'lag' | 'name' | 'rate';

export const ORDERS = [
  { value: 'attention', title: 'What needs attention' },
  { value: 'lag', title: 'Lag' },
  { value: 'rate', title: 'Records a second' },
  { value: 'name', title: 'Name' },
] as const satisfies readonly { value: Order; title: string }[];

/** Twice as much, or about the same: rows must not dance while numbers move a little. */
export const magnitude = (n: number): number => Math.floor(Math.log2(n + 1));

const needsAttention = ({ state }: Row): number => Number(state === 'paused' || state === 'trouble');

const SORT_KEYS: Record<Order, (row: Row) => number[]> = {
  attention: (row) => [needsAttention(row), magnitude(row.lag)],
  lag: (row) => [magnitude(row.lag)],
  rate: (row) => [magnitude(row.rates?.records ?? 0)],
  name: () => [],
};

export function sorted(rows: readonly Row[], order: Order): Row[] {
  const key = SORT_KEYS[order];
  return [...rows].sort((a, b) => largestFirst(key(a), key(b)) || byText(a.stream.name, b.stream.name));
}

/** Those that stand still first, then those that lag most. */
export const sortedPartitions = (partitions: readonly PartitionNowFragment[]): PartitionNowFragment[] => {
  const key = ({ trouble, lag }: PartitionNowFragment) => [Number(Boolean(trouble)), magnitude(lag)];
  return [...partitions].sort(
    (a, b) => largestFirst(key(a), key(b)) || byText(a.topic, b.topic) || a.partition - b.partition,
  );
};

/** By name or topic, in any case. */
export function matching(rows: readonly Row[], search: string): Row[] {
  const wanted = search.trim().toLowerCase();
  const has = (text: string) => text.toLowerCase().includes(wanted);
  return rows.filter(({ stream, partitions }) => has(stream.name) || partitions.some(({ topic }) => has(topic)));
}

const byText = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

function largestFirst(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (b[at] ?? 0) - (a[at] ?? 0);
}
