/** A payload's bytes in the ways in which people can read them. */
import { type Indented, indent, isJson } from './json';

export type Form = 'JSON' | 'Text' | 'Decoded' | 'Transformed' | 'Hex' | 'Base64';

export interface Payload {
  base64: string;
  /** Only the beginning of it is there. */
  truncated: boolean;
  /** The element of an array that failed. */
  element: number | null;
  /** JSON of what the stream's format makes of it, where that is known. A long one was cut, and ends with `…`. */
  decoded?: string | null | undefined;
  /** JSON of what the stream's program makes of it, an object on each line. */
  transformed?: string | null | undefined;
}

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Null for bytes that are no text: not UTF-8, or with control characters. */
export function textOf(bytes: Uint8Array<ArrayBuffer>, truncated: boolean): string | null {
  const isControl = (byte: number) => byte < 32 && byte !== 9 && byte !== 10 && byte !== 13;
  if (bytes.some(isControl)) return null;
  try {
    // The cut may go through the middle of a character.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: truncated });
  } catch {
    return null;
  }
}

/** `0000  7b 22 61 22 3a ff 00 …  {"a":..` */
export function hexOf(bytes: Uint8Array): string {
  const rows = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map(twoDigits).join(' ');
    const text = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    rows.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  return rows.join('\n');
}

/** The forms a payload can be shown in, the one that says most first. */
export function formsOf({ base64, truncated, decoded, transformed }: Payload): Form[] {
  const text = textOf(bytesOf(base64), truncated);
  const isOwnJson = text !== null && isJson(text);
  return [
    ...(isOwnJson ? (['JSON'] as const) : []),
    ...(text === null ? [] : (['Text'] as const)),
    ...(decoded == null || isOwnJson ? [] : (['Decoded'] as const)),
    ...(transformed ? (['Transformed'] as const) : []),
    'Hex',
    'Base64',
  ];
}

/** So much of a payload is shown in one line. */
const LINE = 300;

/** The beginning of a payload, in one line. */
export function lineOf({ base64, truncated, decoded }: Payload): string {
  const bytes = bytesOf(base64);
  const text = textOf(bytes, truncated) ?? decoded;
  if (text == null) return [...bytes.subarray(0, LINE / 3)].map(twoDigits).join(' ');
  return text.slice(0, LINE).replace(/\s+/g, ' ').trim();
}

const twoDigits = (byte: number): string => byte.toString(16).padStart(2, '0');

/** `form` is one of `formsOf` this payload. */
export function render({ base64, truncated, element, decoded, transformed }: Payload, form: Form): Indented {
  const bytes = bytesOf(base64);
  switch (form) {
    case 'JSON':
      return indent(textOf(bytes, truncated) ?? '', element);
    case 'Text':
      return { text: textOf(bytes, truncated) ?? '' };
    case 'Decoded':
      return indent(decoded ?? '', element);
    case 'Transformed': {
      const objects = (transformed ?? '').split('\n');
      return { text: objects.map((object) => indent(object, null).text).join('\n') };
    }
    case 'Hex':
      return { text: hexOf(bytes) };
    case 'Base64':
      return { text: base64 };
  }
}
