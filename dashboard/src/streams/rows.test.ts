import { expect, test } from 'vitest';
import type { PartitionNowFragment, StreamNowFragment } from '@/api/generated/graphql';
import { matching, type Row, rowsOf, sorted, sortedPartitions } from './rows';

const stream = (name: string, more: Partial<StreamNowFragment> = {}): StreamNowFragment => ({
  name,
  paused: false,
  pausedWhy: null,
  records: 0,
  stored: 0,
  replaced: 0,
  lost: 0,
  deadLetters: 0,
  ...more,
});
const partition = (of: string, number: number, lag: number, trouble: string | null = null): PartitionNowFragment => ({
  stream: of,
  topic: `topic.${of}`,
  partition: number,
  nextOffset: 0,
  endOffset: lag,
  lag,
  trouble,
});
const names = (rows: readonly Row[]) => rows.map((row) => row.stream.name);
const none = () => undefined;

test('the lag of a stream is that of all its partitions', () => {
  const [row] = rowsOf([stream('a')], [partition('a', 0, 3), partition('b', 0, 9), partition('a', 1, 4)], none);
  expect([row?.lag, row?.partitions.length]).toEqual([7, 2]);
});

test('a stream is what its worst part is', () => {
  const rows = rowsOf(
    [stream('paused', { paused: true }), stream('trouble'), stream('running'), stream('idle')],
    [partition('trouble', 0, 0, 'OFFSET_LOST'), partition('running', 0, 0)],
    (name) => ({ records: name === 'idle' ? 0 : 5, stored: 0, deadLetters: 0 }),
  );
  expect(rows.map(({ state }) => state)).toEqual(['paused', 'trouble', 'running', 'idle']);
});

test('what needs attention stands first, then what lags most, then by name', () => {
  const rows = rowsOf(
    [stream('b10'), stream('b9'), stream('late'), stream('paused', { paused: true })],
    [partition('late', 0, 5_000)],
    none,
  );
  expect(names(sorted(rows, 'attention'))).toEqual(['paused', 'late', 'b9', 'b10']);
  expect(names(sorted(rows, 'name'))).toEqual(['b9', 'b10', 'late', 'paused']);
});

test('rows keep their places while their lag moves a little', () => {
  const order = (lagA: number, lagB: number) =>
    names(sorted(rowsOf([stream('a'), stream('b')], [partition('a', 0, lagA), partition('b', 0, lagB)], none), 'lag'));
  expect([order(1_100, 1_200), order(1_200, 1_100), order(1_200, 5_000)]).toEqual([
    ['a', 'b'],
    ['a', 'b'],
    ['b', 'a'],
  ]);
});

test('partitions that stand still come before those that lag', () => {
  const all = [partition('a', 0, 0), partition('a', 1, 900), partition('a', 2, 0, 'OFFSET_LOST')];
  expect(sortedPartitions(all).map((one) => one.partition)).toEqual([2, 1, 0]);
});

test('a search finds names and topics in any case', () => {
  const rows = rowsOf([stream('Machines'), stream('b')], [partition('b', 0, 0)], none);
  expect([names(matching(rows, ' mach')), names(matching(rows, 'TOPIC.B')), names(matching(rows, ''))]).toEqual([
    ['Machines'],
    ['b'],
    ['Machines', 'b'],
  ]);
});
