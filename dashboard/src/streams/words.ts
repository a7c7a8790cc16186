/** Settings and storage as people read them. */
import type { SettingsFragment } from '@/api/generated/graphql';

const LEVELS: Record<string, string> = {
  raw: 'Points',
  '1m': 'Rollups of 1 minute',
  '1h': 'Rollups of 1 hour',
  '1d': 'Rollups of 1 day',
};

export const levelTitle = (level: string): string => LEVELS[level] ?? level;

const UNITS: Record<string, string> = { s: 'seconds', ms: 'milliseconds', us: 'microseconds', ns: 'nanoseconds' };
const ON_MISSING: Record<string, string> = {
  dead_letter: 'The record becomes a dead letter',
  skip: 'That value or label is left out',
};

/** Pairs of a title and what is set. */
export function settingsInWords(settings: SettingsFragment): [string, string][] {
  const { topic, partitions, format, timeField, timeUnit, labels, values, start, retention, maxSeries, onMissing } =
    settings;
  const unit = timeUnit == null ? '' : `, numbers in ${UNITS[timeUnit.toLowerCase()] ?? timeUnit}`;
  return [
    ['Topic', topic],
    ['Partitions when created', String(partitions)],
    ['Format', format],
    ['Time', `${timeField ?? 'ts'}${unit}`],
    ['Labels', labels.length > 0 ? labels.join(', ') : 'those of the record'],
    ['Values', values.length > 0 ? values.join(', ') : 'those of the record'],
    ['When a field is missing', ON_MISSING[onMissing.toLowerCase()] ?? onMissing],
    ['Starts at', start],
    ['Keeps', keeps(retention)],
    ['Series at most', maxSeries == null ? 'no limit' : maxSeries.toLocaleString('en')],
  ];
}

const keeps = (retention: SettingsFragment['retention']): string =>
  retention.length === 0
    ? 'everything, for ever'
    : `${retention.map(({ level, keep }) => `${levelTitle(level)} ${keep}`).join(', ')}; the rest for ever`;

export const offsetsLost = (gap: { fromOffset: number; toOffset: number }): number => gap.toOffset - gap.fromOffset;

const TROUBLES: Record<string, string> = {
  OFFSET_LOST: 'Kafka no longer has the next offset (OFFSET_LOST)',
};

export const troubleInWords = (trouble: string): string => TROUBLES[trouble] ?? trouble;
