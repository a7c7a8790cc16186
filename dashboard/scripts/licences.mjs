/** `make licences`: what package-lock.json brings into the dashboard and into clients/js must be free to ship under MIT. */
import { fileURLToPath } from 'node:url';
import { isAllowed, shipped } from './seal/licences.mjs';

const folders = ['..', '../../clients/js'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)));
const packages = folders.flatMap(shipped);
const refused = packages.filter(({ licence }) => !isAllowed(licence));
for (const { name, version, licence } of refused) console.error(`${name} ${version}: ${licence} is not on the list`);
if (refused.length > 0) process.exit(1);
console.log(`licences from npm ok: ${packages.length} packages`);
