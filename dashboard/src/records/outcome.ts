/** What becomes of a record, in words. */
import { explain } from '@/kafka/reasons';
import { count } from '@/ui/format';
import type { Tone } from '@/ui/pill';
import type { StreamRecord } from './documents';

export type Outcome = 'points' | 'skipped' | 'dead_letter';

export const SHOWN: readonly Outcome[] = ['points', 'skipped', 'dead_letter'];

/** As buttons that choose what is shown. */
export const TITLES: Record<Outcome, string> = {
  points: 'With points',
  skipped: 'Skipped',
  dead_letter: 'Dead letters',
};

export const TONES: Record<Outcome, Tone> = { points: 'good', skipped: 'quiet', dead_letter: 'bad' };

type Fate = Pick<StreamRecord, 'points' | 'skipped' | 'deadLetter'>;

export function outcomeOf({ points, deadLetter }: Fate): Outcome {
  if (deadLetter) return 'dead_letter';
  return points.length > 0 ? 'points' : 'skipped';
}

export function tally(records: readonly Fate[]): Record<Outcome, number> {
  const counts = { points: 0, skipped: 0, dead_letter: 0 };
  for (const record of records) counts[outcomeOf(record)] += 1;
  return counts;
}

const RULES: Record<string, string> = {
  tombstone: 'it has no payload, which in Kafka marks a key as deleted',
  no_values: 'it has none of the values that the stream reads',
  when: 'the stream’s condition `when` does not hold for it',
  duplicate: 'it was there a short time ago, by `dedupe` of the stream',
  transform: '`transform` of the stream drops it',
  relabel: '`relabel` of the stream drops its series',
  first_of_rate: 'it is the first of its series, which has no rate yet',
  rate_out_of_order: 'it is not later than the last of its series, so it has no rate',
  delete: 'the change that it tells of deletes a row',
  truncate: 'the change that it tells of empties a table',
  message: 'it is a message between changes, without a row',
  delta_temporality: 'it counts since the last export alone (delta temporality)',
  no_temporality: 'it does not say since when it counts (no temporality)',
  exponential_histogram: 'exponential histograms are not stored',
  no_data: 'its metric has no data of a known kind',
  no_recorded_value: 'its data points have no recorded value',
  not_finite: 'its values are no finite numbers',
};

/** A rule that this page does not know, from a newer server, is named. */
export const ruleInWords = (rule: string): string => RULES[rule] ?? `the rule \`${rule}\` of its stream leaves it out`;

/** Why a record is skipped. */
export const ruleOf = ({ skipped }: Pick<Fate, 'skipped'>): string => ruleInWords(skipped ?? 'no_values');

/** The outcome as a title and, where that does not say it all, a sentence. */
export function inWords(record: Fate): { title: string; sentence: string } {
  const { points, deadLetter } = record;
  if (deadLetter) return { title: explain(deadLetter.reason).title, sentence: deadLetter.detail };
  if (points.length === 0) return { title: 'Skipped', sentence: ruleOf(record) };
  return { title: points.length === 1 ? '1 point' : `${count(points.length)} points`, sentence: pointsInWords(points) };
}

function pointsInWords([first, ...more]: Fate['points']): string {
  if (!first) return '';
  return `${first.key} = ${first.value}${more.length > 0 ? `, and ${count(more.length)} more` : ''}`;
}
