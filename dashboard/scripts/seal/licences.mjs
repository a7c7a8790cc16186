/** `/licences.txt`: what the licences of the packages in the dashboard ask to be told. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asFile } from './collect.mjs';

const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  // caniuse-lite: data that the build reads.
  'CC-BY-4.0',
  'ISC',
  'MIT',
  'PSF-2.0',
]);

const TEXT = /^(licen[cs]e|copying|notice|thirdpartynotices)/i;
const RULE = `\n\n${'-'.repeat(80)}\n\n`;

/** The packages that may end up in the dashboard. Optional ones are tools that Next.js brings for its own server. */
export function shipped(dashboard) {
  const { packages } = JSON.parse(readFileSync(join(dashboard, 'package-lock.json'), 'utf8'));
  return Object.entries(packages)
    .filter(([place, { dev, devOptional, optional, link }]) => place && !dev && !devOptional && !optional && !link)
    .map(([place, { version, license }]) => ({
      place,
      name: place.replace(/^.*node_modules\//, ''),
      version,
      licence: license ?? 'unknown',
    }));
}

/** `MIT`, `(MPL-2.0 OR Apache-2.0)`, `MIT AND ISC`. */
export function isAllowed(licence) {
  const alternatives = licence.replace(/[()]/g, '').split(' OR ');
  return alternatives.some((all) => all.split(' AND ').every((one) => ALLOWED.has(one.trim())));
}

export function licences(dashboard) {
  const byText = new Map();
  for (const { place, name, version, licence } of shipped(dashboard)) {
    const text = textsIn(join(dashboard, place)) || `No text comes with it; its licence is ${licence}.`;
    byText.set(text, [...(byText.get(text) ?? []), `${name} ${version} (${licence})`]);
  }
  const parts = [...byText].map(([text, packages]) => `${packages.join('\n')}\n\n${text}`);
  const head = "StreamSync's dashboard is made with these packages. Their licences:";
  return asFile('licences.txt', Buffer.from(`${[head, ...parts].join(RULE)}\n`));
}

function textsIn(folder) {
  const names = readdirSync(folder).filter((name) => TEXT.test(name) && !/\.(js|ts|json)$/.test(name));
  return names
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim())
    .join('\n\n');
}
