/** What the policy of a page has to know about its HTML, as React writes it. */
import { createHash } from 'node:crypto';

const SCRIPT = /<script\b([^>]*)>([\s\S]*?)<\/script>/g;
const STYLE = /<style\b[^>]*>([\s\S]*?)<\/style>/g;
const TAG = /<([a-z][a-z0-9-]*)\b((?:[^>"']|"[^"]*"|'[^']*')*)>/gi;
const ATTRIBUTE = /([^\s"'=<>/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g;

export const source = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * `scripts` and `styles` are the sources that allow what is inline. `loads` has the URLs that the browser
 * fetches at once, `forbidden` what no policy without `unsafe-inline` allows.
 */
export function inspect(html) {
  const scripts = [...html.matchAll(SCRIPT)].filter(([, attributes]) => !/\ssrc=/.test(attributes));
  const styles = [...html.matchAll(STYLE)];
  const tags = [...withoutInline(html).matchAll(TAG)].map(([, name, attributes]) => ({
    name: name.toLowerCase(),
    attributes: attributesOf(attributes),
  }));
  return {
    scripts: unique(scripts.map(([, , text]) => source(text))),
    styles: unique(styles.map(([, text]) => source(text))),
    loads: unique(tags.map(loadedBy).filter((url) => url !== undefined)),
    forbidden: tags.flatMap(forbiddenIn),
  };
}

const unique = (list) => [...new Set(list)];

const withoutInline = (html) => html.replace(SCRIPT, '<script$1></script>').replace(STYLE, '');

function attributesOf(text) {
  const pairs = [...text.matchAll(ATTRIBUTE)].map(([, name, ...values]) => [
    name.toLowerCase(),
    values.find((value) => value !== undefined) ?? '',
  ]);
  return Object.fromEntries(pairs);
}

function loadedBy({ name, attributes }) {
  if (name === 'a') return undefined;
  if (name !== 'link') return 'nomodule' in attributes ? undefined : attributes.src;
  return /\b(stylesheet|preload|modulepreload|icon|manifest)\b/.test(attributes.rel ?? '')
    ? attributes.href
    : undefined;
}

function forbiddenIn({ name, attributes }) {
  return Object.keys(attributes)
    .filter((attribute) => attribute === 'style' || attribute.startsWith('on'))
    .map((attribute) => `the policy forbids ${attribute}="${attributes[attribute]}" on <${name}>`);
}
