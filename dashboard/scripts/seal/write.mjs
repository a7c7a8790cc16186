/** `sealed/site.rs`, the table that the server includes, and beside it the files it names. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export function write(files, to) {
  rmSync(to, { recursive: true, force: true });
  for (const { name, bytes } of files) {
    mkdirSync(dirname(join(to, name)), { recursive: true });
    writeFileSync(join(to, name), bytes);
  }
  writeFileSync(join(to, 'site.rs'), table(files));
}

/** Sorted, for the search in it. */
export function table(files) {
  const rows = files.toSorted((a, b) => (a.path < b.path ? -1 : 1)).map(row);
  return `// Made by dashboard/scripts/seal.mjs.\n&[\n${rows.join('')}]\n`;
}

function row({ name, path, type, gzip, tag, page }) {
  return `    File {
        path: ${text(path)},
        content_type: ${text(type)},
        tag: ${text(tag)},
        is_gzip: ${gzip},
        bytes: include_bytes!(${text(name)}),
        page: ${page ? `Some(Page { scripts: ${list(page.scripts)}, styles: ${list(page.styles)} })` : 'None'},
    },
`;
}

const list = (items) => `&[${items.map(text).join(', ')}]`;

function text(value) {
  if (!/^[\x20-\x7e]*$/.test(value) || /["\\]/.test(value)) throw new Error(`no plain text: ${value}`);
  return `"${value}"`;
}
