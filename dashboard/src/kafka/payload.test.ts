import { describe, expect, it } from 'vitest';
import { bytesOf, formsOf, hexOf, lineOf, type Payload, render, textOf } from './payload';

const of = (bytes: string | number[], rest: Partial<Payload> = {}): Payload => ({
  base64: Buffer.from(bytes as string).toString('base64'),
  truncated: false,
  element: null,
  ...rest,
});

describe('a payload', () => {
  it('is shown as JSON where it is JSON', () => {
    expect(formsOf(of('{"a":"é"}'))).toEqual(['JSON', 'Text', 'Hex', 'Base64']);
    expect(render(of('{"a":"é"}'), 'JSON').text).toBe('{\n  "a": "é"\n}');
    expect(render(of('{"a":"é"}'), 'Text').text).toBe('{"a":"é"}');
  });

  it('has the objects that a program makes of it, one below the other', () => {
    const transformed = '{"a":1}\n{"a":2}';
    expect(formsOf(of('{"b":1}', { transformed }))).toEqual(['JSON', 'Text', 'Transformed', 'Hex', 'Base64']);
    expect(render(of('{"b":1}', { transformed }), 'Transformed').text).toBe('{\n  "a": 1\n}\n{\n  "a": 2\n}');
  });

  it('is shown as text where it is no JSON', () => {
    expect(formsOf(of('{"a":'))).toEqual(['Text', 'Hex', 'Base64']);
  });

  it('is shown as bytes where it is no text', () => {
    expect(formsOf(of([0xff, 0xfe]))).toEqual(['Hex', 'Base64']);
    expect(formsOf(of([0x41, 0x00]))).toEqual(['Hex', 'Base64']);
  });

  it('is shown as what its format makes of it where its bytes are no JSON', () => {
    const decoded = '{"a":1}';
    expect(formsOf(of([0xff, 0xfe], { decoded }))).toEqual(['Decoded', 'Hex', 'Base64']);
    expect(formsOf(of('a=1', { decoded }))).toEqual(['Text', 'Decoded', 'Hex', 'Base64']);
    expect(formsOf(of('{"b":1}', { decoded }))).toEqual(['JSON', 'Text', 'Hex', 'Base64']);
    expect(render(of([0xff, 0xfe], { decoded }), 'Decoded').text).toBe('{\n  "a": 1\n}');
  });

  it('has one line that says most of it', () => {
    expect(lineOf(of('{\n  "a": 1\n}'))).toBe('{ "a": 1 }');
    expect(lineOf(of([0xff, 0x01], { decoded: '{"a":1}' }))).toBe('{"a":1}');
    expect(lineOf(of([0xff, 0x01]))).toBe('ff 01');
    expect(lineOf(of('x'.repeat(5_000)))).toHaveLength(300);
    expect(lineOf(of(Array(5_000).fill(0)))).toHaveLength(299);
  });

  it('is text though it was cut in the middle of a character', () => {
    const cut = of([0x41, 0xc3], { truncated: true });
    expect(textOf(bytesOf(cut.base64), true)).toBe('A');
    expect(textOf(bytesOf(cut.base64), false)).toBeNull();
  });

  it('has the element marked that failed', () => {
    const { text, element } = render(of('[1,"no"]', { element: 1 }), 'JSON');
    expect(element && text.slice(...element)).toBe('"no"');
  });

  it('may be empty', () => {
    expect(formsOf(of(''))).toEqual(['Text', 'Hex', 'Base64']);
    expect(render(of(''), 'Hex').text).toBe('');
  });

  it('has sixteen bytes in a row of its dump', () => {
    expect(hexOf(bytesOf(of('0123456789abcdef\n').base64)).split('\n')).toEqual([
      '0000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef',
      `0010  0a${' '.repeat(45)}  .`,
    ]);
  });
});
