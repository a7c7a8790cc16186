import { describe, expect, it } from 'vitest';
import { indent, isJson, wholeLines } from './json';

/** What is marked, as text. */
function marked(json: string, wanted: number): string | undefined {
  const { text, element } = indent(json, wanted);
  return element && text.slice(...element);
}

describe('indenting', () => {
  it('lays JSON out as JSON.stringify does', () => {
    const value = { a: [1, { b: null }, 'x, {y}: [z]'], c: {}, d: [], e: true };
    expect(indent(JSON.stringify(value)).text).toBe(JSON.stringify(value, null, 2));
    expect(indent(JSON.stringify(value, null, 7)).text).toBe(JSON.stringify(value, null, 2));
  });

  it('keeps numbers and escapes as they were written', () => {
    const json = '{"id":12345678901234567890,"v":1.50e+400,"t":"\\u00e9\\"\\\\"}';
    expect(indent(json).text.replace(/\s/g, '')).toBe(json);
  });

  it('shows a single value as it is', () => {
    expect(indent(' 7 ').text).toBe('7');
    expect(indent('"a b"').text).toBe('"a b"');
  });

  it('lays out what was cut as far as it goes', () => {
    expect(indent('{"a":[1,{"b":"it {is…').text).toBe('{\n  "a": [\n    1,\n    {\n      "b": "it {is…');
    expect(indent('{"a":{"b":[…').text).toBe('{\n  "a": {\n    "b": [\n      …');
  });

  it('marks the element that failed, whatever it is', () => {
    const list = '[{"v":[1,2]}, 3 ,[],{"w":{}}]';
    expect(marked(list, 0)?.replace(/\s/g, '')).toBe('{"v":[1,2]}');
    expect(marked(list, 1)).toBe('3');
    expect(marked(list, 2)).toBe('[]');
    expect(marked(list, 3)?.replace(/\s/g, '')).toBe('{"w":{}}');
  });

  it('marks nothing where there is no such element', () => {
    expect(marked('[1]', 4)).toBeUndefined();
    expect(marked('[]', 0)).toBeUndefined();
    expect(marked('{"a":1}', 0)).toBeUndefined();
  });
});

describe('whole lines', () => {
  it('reach from where the first begins to where the last ends', () => {
    const { text, element = [0, 0] } = indent('[1,{"a":2},3]', 1);
    expect(text.slice(...wholeLines(text, element))).toBe('  {\n    "a": 2\n  },\n');
  });

  it('end with the text', () => {
    expect(wholeLines('ab', [1, 2])).toEqual([0, 2]);
  });
});

describe('JSON', () => {
  it('is what a parser takes', () => {
    expect(isJson('{"a":1}')).toBe(true);
    expect(isJson('{"a":')).toBe(false);
  });
});
