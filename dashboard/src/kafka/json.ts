/** JSON made readable without reading it: numbers and texts stay as the producer wrote them. */
export interface Indented {
  text: string;
  /** Where the element that was asked for begins and ends. */
  element?: [start: number, end: number];
}

/** A text may lack its end, where JSON was cut. */
const TOKEN = /"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+/g;
const line = (depth: number) => `\n${'  '.repeat(depth)}`;

/** `json` is valid, or the beginning of what is. `wanted` counts the elements of the outermost array from 0. */
export function indent(json: string, wanted: number | null = null): Indented {
  const tokens = json.match(TOKEN) ?? [];
  const isList = tokens[0] === '[';
  let text = '';
  let depth = 0;
  let element = 0;
  let start = -1;
  let end = -1;
  tokens.forEach((token, at) => {
    const closes = token === '}' || token === ']';
    const outermost = isList && depth === 1 && element === wanted;
    if (outermost && start < 0 && !closes && token !== ',') start = text.length;
    if (outermost && start >= 0 && end < 0 && (token === ',' || token === ']')) end = text.length;
    if (closes) {
      depth -= 1;
      const isEmpty = ['{', '['].includes(tokens[at - 1] ?? '');
      text += isEmpty ? token : line(depth) + token;
    } else if (token === '{' || token === '[') {
      depth += 1;
      const isEmpty = ['}', ']'].includes(tokens[at + 1] ?? '');
      text += isEmpty ? token : token + line(depth);
    } else if (token === ',') {
      if (depth === 1) element += 1;
      text += token + line(depth);
    } else {
      text += token === ':' ? ': ' : token;
    }
  });
  return end < 0 ? { text } : { text, element: [start, end] };
}

/** The lines that a part of `text` stands in, the last one's end included. */
export function wholeLines(text: string, [start, end]: [number, number]): [number, number] {
  const next = text.indexOf('\n', end);
  return [text.lastIndexOf('\n', start) + 1, next < 0 ? text.length : next + 1];
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
