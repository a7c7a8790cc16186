/** `make licences`: what package-lock.json brings into the dashboard must be free to ship under MIT. */
import { fileURLToPath } from 'node:url';
import { isAllowed, shipped } from './seal/licences.mjs';

const packages = shipped(fileURLToPath(new URL('..', import.meta.url)));
const refused = packages.filter(({ licence }) => !isAllowed(licence));
for (const { name, version, licence } of refused) console.error(`${name} ${version}: ${licence} is not on the list`);
if (refused.length > 0) process.exit(1);
console.log(`dashboard licences ok: ${packages.length} packages`);
