/** Settings and storage as people read them. */
import type { SettingsFragment } from '@/api/generated/graphql';
import { bytes, count } from '@/ui/format';

const LEVELS: Record<string, string> = {
  raw: 'Points',
  '1m': 'Rollups of 1 minute',
  '1h': 'Rollups of 1 hour',
  '1d': 'Rollups of 1 day',
};

export const levelTitle = (level: string): string => LEVELS[level] ?? level;

const UNITS: Record<string, string> = { s: 'seconds', ms: 'milliseconds', us: 'microseconds', ns: 'nanoseconds' };
const ON_OFFSET_LOST: Record<string, string> = {
  stop: 'the partition stops',
  jump: 'skips the gap',
};
const ON_MISSING: Record<string, string> = {
  dead_letter: 'the record becomes a dead letter',
  skip: 'that value or label is omitted',
};

/** `1day` as `1 day`. */
const spaced = (span: string): string => span.replace(/(\d)([a-z])/g, '$1 $2');

/** Pairs of a title and what is set. */
export function settingsInWords(settings: SettingsFragment): [string, string][] {
  const { topic, redriveTopic, partitions, format, start, maxSeries, maxRecordBytes } = settings;
  const { timeField, timeUnit, labels, values, metricPrefix } = settings;
  const { onMissing, onOffsetLost, acceptPast, acceptFuture, retention } = settings;
  return [
    ['Topic', topic],
    ['Redrive topic', redriveTopic],
    ['Partitions when created', String(partitions)],
    ['Format', format],
    ['Time', `${timeField}, numbers in ${UNITS[timeUnit] ?? timeUnit}`],
    ['Accepted times', `up to ${spaced(acceptPast)} before the record's, ${spaced(acceptFuture)} after it`],
    ['Labels', labels.length > 0 ? labels.join(', ') : 'from the record'],
    ['Values', values.length > 0 ? values.map((value) => `${metricPrefix}_${value}`).join(', ') : 'from the record'],
    ['When a field is missing', ON_MISSING[onMissing] ?? onMissing],
    ['Starts at', start],
    ['When an offset is lost', ON_OFFSET_LOST[onOffsetLost] ?? onOffsetLost],
    ['Keeps', keeps(retention)],
    ['Maximum series', count(maxSeries)],
    ['Maximum record size', bytes(maxRecordBytes)],
  ];
}

function keeps(retention: SettingsFragment['retention']): string {
  const limited = retention.flatMap(({ level, keep }) => (keep ? [`${levelTitle(level)}: ${spaced(keep)}`] : []));
  if (limited.length === 0) return 'everything, forever';
  return [...limited, ...(limited.length < retention.length ? ['the rest forever'] : [])].join('; ');
}

export const offsetsLost = (gap: { fromOffset: number; toOffset: number }): number => gap.toOffset - gap.fromOffset;

const TROUBLES: Record<string, string> = {
  OFFSET_LOST: 'Kafka no longer has the next offset (OFFSET_LOST)',
};

export const troubleInWords = (trouble: string): string => TROUBLES[trouble] ?? trouble;
