/** What a page loads at first, compressed, is to stay small. */
import { PLAYGROUND } from './collect.mjs';

const LIMIT = 300_000;
const LARGEST = 5;

export function checkBudget(files, limit = LIMIT) {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return files
    .filter(({ page, path }) => page && path !== PLAYGROUND)
    .flatMap((file) => {
      const loaded = [file, ...file.page.loads.map((url) => byPath.get(url.split('?')[0]))].filter(Boolean);
      const total = sum(loaded);
      console.log(`seal: ${file.path} loads ${kilobytes(total)} at first`);
      return total <= limit ? [] : [complaint(file.path, total, limit, loaded)];
    });
}

function complaint(path, total, limit, loaded) {
  const largest = loaded.toSorted((a, b) => b.bytes.length - a.bytes.length).slice(0, LARGEST);
  const list = largest.map((file) => `\n  ${kilobytes(file.bytes.length)}  ${file.path}`).join('');
  return `${path} loads ${kilobytes(total)} at first, more than ${kilobytes(limit)}; the largest are${list}`;
}

const sum = (files) => files.reduce((total, { bytes }) => total + bytes.length, 0);
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
