import { expect, test } from 'vitest';
import { type Storage, storageSentences } from './storage-words';

const local = (hour: number) => new Date(2026, 0, 31, hour).toISOString();
const storage: Storage = {
  levels: [],
  horizons: [],
  rollupEdge: local(12),
  pendingInvalidations: 0,
  oldestPending: null,
  archivedDays: 0,
  newestArchivedDay: null,
  maintenance: null,
};

test('a storage that has done nothing yet says so', () => {
  expect(storageSentences(storage)).toEqual([
    'Rollups are complete up to 2026-01-31 12:00:00.',
    'No day is archived.',
    'No maintenance on this node yet.',
  ]);
});

test('what is pending, archived and dropped is counted', () => {
  const busy: Storage = {
    ...storage,
    pendingInvalidations: 7,
    oldestPending: local(11),
    archivedDays: 1,
    newestArchivedDay: '2026-01-20T00:00:00Z',
    maintenance: { at: local(10), outcome: 'DONE', error: null, droppedPartitions: 1, expiredRows: 1_200 },
  };
  expect(storageSentences(busy)).toEqual([
    'Rollups are complete up to 2026-01-31 12:00:00, except for 7 pending commits, from 2026-01-31 11:00:00 on.',
    '1 day is archived, the newest is 2026-01-20 (UTC).',
    'Last maintenance at 2026-01-31 10:00:00: 1 partition dropped, 1,200 rows deleted.',
  ]);
});

test('a partition that is missing now is told first', () => {
  const level = { level: '1m', partitions: 1, bytes: 0, oldest: null, newest: null, madeAheadUntil: null };
  expect(storageSentences({ ...storage, levels: [level] })[0]).toBe(
    'Rollups of 1 minute: the current partition is missing.',
  );
});

test('a failure says why', () => {
  const run = { at: local(10), outcome: 'FAILED', error: 'disk full', droppedPartitions: 0, expiredRows: 0 } as const;
  expect(storageSentences({ ...storage, maintenance: run })[2]).toBe(
    'Maintenance failed at 2026-01-31 10:00:00 and will be retried: disk full.',
  );
});
