/** A payload's bytes in the ways in which people can read them. */
import { type Indented, indent, isJson } from './json';

export const FORMS = ['JSON', 'Text', 'Hex', 'Base64'] as const;
export type Form = (typeof FORMS)[number];

export interface Payload {
  base64: string;
  /** Of a payload that was cut, the first 64 KiB alone. */
  truncated: boolean;
  /** The element of an array that failed. */
  element: number | null;
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
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    rows.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  return rows.join('\n');
}

/** The forms a payload can be shown in, the one that says most first. */
export function formsOf({ base64, truncated }: Payload): Form[] {
  const text = textOf(bytesOf(base64), truncated);
  if (text === null) return ['Hex', 'Base64'];
  return isJson(text) ? [...FORMS] : ['Text', 'Hex', 'Base64'];
}

/** `form` is one of `formsOf` this payload. */
export function render({ base64, truncated, element }: Payload, form: Form): Indented {
  const bytes = bytesOf(base64);
  switch (form) {
    case 'JSON':
      return indent(textOf(bytes, truncated) ?? '', element);
    case 'Text':
      return { text: textOf(bytes, truncated) ?? '' };
    case 'Hex':
      return { text: hexOf(bytes) };
    case 'Base64':
      return { text: base64 };
  }
}
