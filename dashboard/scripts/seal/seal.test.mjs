import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { checkBudget } from './budget.mjs';
import { asFile } from './collect.mjs';
import { foreignLoads } from './foreign.mjs';
import { isAllowed } from './licences.mjs';
import { inspect, source } from './page.mjs';
import { table } from './write.mjs';

const file = (name, text) => asFile(name, Buffer.from(text));
const noise = (length) => Buffer.from(Array.from({ length }, (_, i) => (i * 7919 + ((i * i) % 251)) % 256));

describe('the HTML of a page', () => {
  it('gives the hash of each inline script once, and none of those that are loaded', () => {
    const { scripts } = inspect(
      '<script>a("<b>")</script><script src="/x.js"></script><script id="i">a("<b>")</script>',
    );
    const hash = execFileSync('openssl', ['dgst', '-sha256', '-binary'], { input: 'a("<b>")' }).toString('base64');
    expect(scripts).toEqual([`'sha256-${hash}'`]);
  });

  it('gives the hashes of its style sheets', () => {
    expect(inspect('<style data-x="">p{}</style>').styles).toEqual([source('p{}')]);
  });

  it('names what is loaded at once, not what a link leads to nor what old browsers need', () => {
    const { loads } = inspect(
      '<link rel="stylesheet" href="/a.css"/><link rel="preload" as="script" href="/b.js"/><link rel="canonical" href="/c"/>' +
        '<script src="/d.js" async=""></script><script src="/old.js" noModule=""></script><a href="/e">e</a>',
    );
    expect(loads).toEqual(['/a.css', '/b.js', '/d.js']);
  });

  it('may not carry what the policy forbids, except as text', () => {
    const { forbidden } = inspect(
      '<p style="color:red" title="a > b" onclick="x()">style="no"</p><script>"<p style=1>"</script>',
    );
    expect(forbidden).toHaveLength(2);
  });
});

describe('the files', () => {
  it('have the paths they are asked for by', () => {
    const paths = ['index.html', 'explore.html', 'explore.txt', '404.html'].map((name) => file(name, '').path);
    expect(paths).toEqual(['/', '/explore', '/explore.txt', '/404']);
  });

  it('are compressed only where that is smaller', () => {
    expect(file('a.js', 'x'.repeat(999)).gzip).toBe(true);
    expect(file('a.js', 'x').gzip).toBe(false);
  });

  it('of an unknown kind are refused', () => {
    expect(() => file('a.exe', '')).toThrow('media type');
  });

  it('load nothing from elsewhere', () => {
    const wrong = [
      file('a.html', '<script src="//cdn.example/x.js"></script>'),
      file('a.css', '@import "https://fonts.example/f.css";'),
      file('b.css', 'p{background:url(https://x.example/i.png)}'),
      file('a.js', 'import("https://cdn.example/y.js")'),
    ];
    const right = [
      file('b.html', '<a href="https://example.org">e</a>'),
      file('c.css', 'p{background:url(data:image/png;base64,//8=)}'),
      file('b.js', 'throw Error("see https://react.dev/errors")'),
    ];
    expect(foreignLoads([...wrong, ...right])).toHaveLength(wrong.length);
  });
});

describe('the budget', () => {
  const page = (name) => file(name, '<script src="/a.js"></script>');

  it('counts what a page loads, compressed, and names the largest', () => {
    const script = asFile('a.js', noise(5_000));
    const [complaint, ...others] = checkBudget([page('index.html'), script], 2_000);
    expect(others).toEqual([]);
    expect(complaint).toMatch(/^\/ loads .*\n.*\/a\.js/);
    expect(checkBudget([page('index.html'), script], 9_000)).toEqual([]);
  });

  it('does not count the playground', () => {
    expect(checkBudget([page('playground.html'), asFile('a.js', noise(5_000))], 10)).toEqual([]);
  });
});

it('a licence is allowed when all of one alternative are', () => {
  expect(['MIT', '(MPL-2.0 OR Apache-2.0)', 'MIT AND ISC'].every(isAllowed)).toBe(true);
  expect(['GPL-3.0-only', 'MIT AND LGPL-3.0-or-later', 'unknown'].some(isAllowed)).toBe(false);
});

it('the table is sorted by path, as the server searches it', () => {
  const rows = table([file('b.txt', 'b'), file('index.html', ''), file('_next/a.js', '')]);
  const paths = [...rows.matchAll(/ path: "([^"]+)"/g)].map(([, path]) => path);
  expect(paths).toEqual(['/', '/_next/a.js', '/b.txt']);
  expect(() => table([file('a".txt', '')])).toThrow('no plain text');
});
