import { describe, expect, it } from 'vitest';
import { bytesOf, formsOf, hexOf, type Payload, render, textOf } from './payload';

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

  it('is shown as text where it is no JSON', () => {
    expect(formsOf(of('{"a":'))).toEqual(['Text', 'Hex', 'Base64']);
  });

  it('is shown as bytes where it is no text', () => {
    expect(formsOf(of([0xff, 0xfe]))).toEqual(['Hex', 'Base64']);
    expect(formsOf(of([0x41, 0x00]))).toEqual(['Hex', 'Base64']);
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
