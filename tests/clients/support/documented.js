// The JavaScript and TypeScript of the documentation, as it stands there.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);
const folders = ['', 'docs/', 'clients/js/', 'clients/js/resume/', 'dashboard/', 'demo/'];

/** Every fenced block of a language: where it stands, and its text. */
export function snippets(language) {
  const fenced = new RegExp(`^( *)\`\`\`${language}\\n(.*?)^\\1\`\`\`$`, 'gms');
  const pages = folders.flatMap((folder) => {
    const names = readdirSync(new URL(folder, root)).filter((name) => name.endsWith('.md'));
    return names.map((name) => folder + name);
  });
  return pages.flatMap((page) => {
    const text = readFileSync(new URL(page, root), 'utf8');
    return [...text.matchAll(fenced)].map((match) => ({
      page,
      line: text.slice(0, match.index).split('\n').length,
      text: match[2].replaceAll(new RegExp(`^${match[1]}`, 'gm'), ''),
    }));
  });
}

/** For a server of the tests. */
export const adapted = (text, server) =>
  text
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${server.port}`)
    .replaceAll('./clients/js/resume/', fileURLToPath(new URL('clients/js/resume/', root)));
