import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { explain } from './reasons';

const source = readFileSync(new URL('../../../src/data/reject.rs', import.meta.url), 'utf8');
const codes = [...source.matchAll(/^ +\w+ = "(\w+)",$/gm)].map(([, code]) => code as string);

describe('reasons', () => {
  it('are explained, each that the server gives', () => {
    expect(codes.length).toBeGreaterThan(10);
    expect(codes.filter((code) => explain(code).title === code)).toEqual([]);
  });

  it('that are not known are shown as they are', () => {
    expect(explain('from_the_future').title).toBe('from_the_future');
  });
});
