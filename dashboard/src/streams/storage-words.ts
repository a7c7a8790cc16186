/** What else there is to say of the storage, as sentences. */
import type { KeptQuery } from '@/api/generated/graphql';
import { count, time } from '@/ui/format';
import { levelTitle } from './words';

export type Storage = NonNullable<KeptQuery['pipeline']['storage']>;

const moment = (text: string): string => time(text).slice(0, 19);
const some = (n: number, one: string, many: string): string => `${count(n)} ${n === 1 ? one : many}`;

export function storageSentences(storage: Storage): string[] {
  return [...partitions(storage), rollups(storage), archive(storage), maintenance(storage.maintenance)];
}

function partitions({ levels }: Storage): string[] {
  const without = levels.filter(({ madeAheadUntil }) => madeAheadUntil == null);
  return without.map(({ level }) => `${levelTitle(level)}: the current partition is missing.`);
}

function rollups({ rollupEdge, pendingInvalidations: pending, oldestPending }: Storage): string {
  const edge = `Rollups are complete up to ${moment(rollupEdge)}`;
  if (pending === 0) return `${edge}.`;
  const since = oldestPending == null ? '' : `, from ${moment(oldestPending)} on`;
  return `${edge}, except for ${some(pending, 'pending commit', 'pending commits')}${since}.`;
}

function archive({ archivedDays, newestArchivedDay }: Storage): string {
  if (archivedDays === 0) return 'No day is archived.';
  const newest = newestArchivedDay == null ? '' : `, the newest is ${newestArchivedDay.slice(0, 10)} (UTC)`;
  return `${some(archivedDays, 'day is', 'days are')} archived${newest}.`;
}

function maintenance(run: Storage['maintenance']): string {
  if (!run) return 'No maintenance on this node yet.';
  const at = moment(run.at);
  switch (run.outcome) {
    case 'DONE':
      return `Last maintenance at ${at}: ${some(run.droppedPartitions, 'partition', 'partitions')} dropped, ${some(run.expiredRows, 'row', 'rows')} deleted.`;
    case 'ELSEWHERE':
      return `Last maintenance by another node at ${at}.`;
    case 'FAILED':
      return `Maintenance failed at ${at} and will be retried: ${run.error ?? 'unknown reason'}.`;
  }
}
