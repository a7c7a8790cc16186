/** The files of the export as the server sends them: each under its path, compressed where that is smaller. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { inspect } from './page.mjs';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  // Also what Next.js loads when a link is followed; it insists on this type.
  '.txt': 'text/plain; charset=utf-8',
  '.ttf': 'font/ttf',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

/** Nobody asks for these: the page for unknown paths is `404.html`. */
const LEFT_OUT = /^_not-found|\.map$/;

/** The one page whose policy allows inline styles. */
export const PLAYGROUND = '/playground';

export function collect(out) {
  return readdirSync(out, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(out, join(entry.parentPath, entry.name)))
    .filter((name) => !LEFT_OUT.test(name))
    .map((name) => asFile(name, readFileSync(join(out, name))));
}

export function asFile(name, content) {
  const type = TYPES[extname(name)];
  if (!type) throw new Error(`${name}: add its media type to TYPES in ${import.meta.filename}`);
  const path = pathOf(name);
  const zipped = gzipSync(content, { level: 9 });
  const gzip = zipped.length < content.length;
  return {
    name: gzip ? `${name}.gz` : name,
    path,
    type,
    content,
    bytes: gzip ? zipped : content,
    gzip,
    tag: createHash('sha256').update(content).digest('hex').slice(0, 32),
    page: extname(name) === '.html' ? pageOf(path, content.toString()) : undefined,
  };
}

function pageOf(path, html) {
  const page = inspect(html);
  return path === PLAYGROUND ? { ...page, forbidden: [] } : page;
}

/** `index.html` is `/`, `explore.html` is `/explore`, all else is asked for by its name. */
const pathOf = (name) => `/${name}`.replace(/\.html$/, '').replace(/\/index$/, '/');
