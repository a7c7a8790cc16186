/**
 * After `next build`: checks what is in `out/` and makes `sealed/` of it, which the server embeds with its
 * feature `dashboard`.
 */
import { fileURLToPath } from 'node:url';
import { checkBudget } from './seal/budget.mjs';
import { collect } from './seal/collect.mjs';
import { foreignLoads } from './seal/foreign.mjs';
import { licences } from './seal/licences.mjs';
import { write } from './seal/write.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const files = collect(here('../out'));
files.push(licences(here('..')));

const wrong = [
  ...files.flatMap(({ path, page }) => page?.forbidden.map((what) => `${path}: ${what}`) ?? []),
  ...foreignLoads(files),
  ...checkBudget(files),
];
if (wrong.length > 0) {
  for (const line of wrong) console.error(`seal: ${line}`);
  process.exit(1);
}
write(files, here('../sealed'));
