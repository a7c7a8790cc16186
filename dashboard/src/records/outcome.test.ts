import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inWords, outcomeOf, ruleInWords, tally } from './outcome';

const point = (value: number) => ({ key: 'm_temperature{site="north"}', ts: '2026-01-31T12:00:00Z', value });
const STORED = { points: [point(21.5)], skipped: null, deadLetter: null };
const SKIPPED = { points: [], skipped: 'when', deadLetter: null };
const REFUSED = {
  points: [],
  skipped: null,
  deadLetter: { reason: 'not_json', detail: 'a } is missing', element: null },
};

describe('what becomes of a record', () => {
  it('is one of three', () => {
    expect([STORED, SKIPPED, REFUSED].map(outcomeOf)).toEqual(['points', 'skipped', 'dead_letter']);
    expect(tally([STORED, REFUSED, REFUSED])).toEqual({ points: 1, skipped: 0, dead_letter: 2 });
  });

  it('is told in words', () => {
    expect(inWords(STORED)).toEqual({ title: '1 point', sentence: 'm_temperature{site="north"} = 21.5' });
    expect(inWords({ ...STORED, points: [point(1), point(2), point(3)] })).toEqual({
      title: '3 points',
      sentence: 'm_temperature{site="north"} = 1, and 2 more',
    });
    expect(inWords(SKIPPED)).toMatchObject({ title: 'Skipped', sentence: expect.stringContaining('`when`') });
    expect(inWords(REFUSED)).toEqual({ title: 'Not JSON', sentence: 'a } is missing' });
  });

  it('is skipped where there is neither a point nor a rule nor an error', () => {
    const nothing = { points: [], skipped: null, deadLetter: null };
    expect(outcomeOf(nothing)).toBe('skipped');
    expect(inWords(nothing).sentence).toBe(ruleInWords('no_values'));
  });
});

describe('rules', () => {
  const folder = new URL('../../../src/transform/', import.meta.url);
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.rs') && !path.includes('tests'))
    .map((path) => readFileSync(new URL(path, folder), 'utf8'));
  const RULE =
    /(?:LeftOut::one\(|left_out\.add\(|leave_out\(.*|first\(\)\.unwrap_or\(|Ok\(Some\(|Err\(|: Rule = )"(\w+)"/g;
  const rules = new Set(sources.flatMap((source) => [...source.matchAll(RULE)].map(([, rule]) => rule as string)));

  it('are told in words, each that the server gives', () => {
    expect(rules.size).toBeGreaterThan(10);
    expect([...rules].filter((rule) => ruleInWords(rule).includes('the rule `'))).toEqual([]);
  });

  it('that are not known are named', () => {
    expect(ruleInWords('from_the_future')).toContain('`from_the_future`');
  });
});
