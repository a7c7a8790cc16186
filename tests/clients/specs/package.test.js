// The tarball of clients/js in a project of somebody who uses it; the examples of TypeScript do what they say.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

import { adapted, snippets } from '../support/documented.js';
import { Project, tarball } from '../support/project.js';
import { Server } from '../support/server.js';

const METRIC = 'machines_temperature';

/** What runs says, by a word in its text; the others are examples of a call, whose types are checked. */
const SAYS = [
  [/useLatest/, /machines_temperature\{\}: 7[1-9]\d* points in 15 minutes/],
  [/client\.points/, /machines_temperature\{\} \d{4}-\d\d-\d\dT[\d:.]+Z 7/],
  [/request</, /everyone \[.*'ADMIN'/],
];

const STRICT = `
import { createClient, liveLatest, type PointBatch, StreamSyncError, type TypedDocument } from '@streamsync/client';
import { useConnection, useSeries } from '@streamsync/client/react';
import { resumable, resumeLink } from '@streamsync/client/resume';
import { authorization } from '@streamsync/client/resume/authorization';

const client = createClient({ url: 'http://127.0.0.1:8080', token: () => 'a key' });
export async function all(own: TypedDocument<{ me: { name: string } }, { id: number }>) {
  const [series] = await client.history({ selector: {}, from: '2026-01-31T12:00:00Z', aggregate: 'MAX', step: '5m' });
  const max: number | null | undefined = series?.points[0]?.max;
  const batches: AsyncGenerator<PointBatch> = client.points({ selector: { labels: [{ name: 'site', op: 'MATCHES', value: 'n.*' }] } });
  const { me } = await client.request(own, { id: 1 });
  const name: string = me.name;
  const latest: number | undefined = liveLatest(client, { selector: {} }).get().points[0]?.value;
  const state: 'idle' | 'connecting' | 'live' | 'reconnecting' = useConnection();
  const passes: boolean = new StreamSyncError('', '').passes;
  const retries: number | undefined = authorization(() => '').wait(0);
  return { max, batches, name, latest, state, passes, retries, resumable, resumeLink };
}
export function wrong(own: TypedDocument<{ me: string }, { id: number }>) {
  // @ts-expect-error an operator that there is none of
  client.points({ selector: { labels: [{ name: 'site', op: 'LIKE', value: 'n' }] } });
  // @ts-expect-error a history has a beginning
  client.history({ selector: {} });
  // @ts-expect-error a variable of another type
  client.request(own, { id: 'one' });
  // @ts-expect-error it says how far back it reaches
  useSeries({ selector: {} });
}
`;

describe('the package @streamsync/client', () => {
  let project;
  let server;
  before(async () => {
    [project, server] = await Promise.all([Project.create(), Server.start()]);
  });
  after(async () => {
    project?.discard();
    await server?.stop();
  });

  test('its tarball has code with types and source maps, the schema, a licence and a page, and nothing else', () => {
    const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n').map((name) => name.replace('package/', ''));
    const code = files.filter((name) => /^dist\/.*\.js$/.test(name));
    const wanted = [...code, ...code.map((name) => `${name}.map`), ...code.map((name) => name.replace(/js$/, 'd.ts'))];
    assert.deepEqual(files.toSorted(), [...wanted, 'LICENSE', 'README.md', 'dist/schema.graphql', 'package.json'].toSorted());
    assert.ok(['dist/src/index.js', 'dist/src/react.js', 'dist/resume/index.js'].every((name) => code.includes(name)));
  });

  test('its types hold in a strict project, also for a bundler, and refuse what the schema does not have', async () => {
    await project.compile({ 'strict.ts': STRICT });
    await project.compile({ 'strict.ts': STRICT }, { module: 'esnext', moduleResolution: 'bundler', noEmit: true, exactOptionalPropertyTypes: true });
  });

  test('every piece of TypeScript in the documentation has right types and does what it says', async (t) => {
    const found = ['ts', 'tsx'].flatMap((language) => snippets(language).map((one) => ({ ...one, language })));
    assert.ok(found.length >= 4);
    const files = found.map(({ text, language }, n) => [`snippet-${n}.${language}`, adapted(text, server)]);
    await project.compile(Object.fromEntries(files));
    // What is published before it listens it does not see.
    const again = setInterval(() => server.publish(METRIC, 7, 8).catch(() => {}), 200);
    try {
      for (const [n, { page, line, text, language }] of found.entries()) {
        const wanted = SAYS.find(([known]) => known.test(text))?.[1];
        if (wanted) await t.test(`${page}:${line}`, () => project.says(`snippet-${n}.js`, wanted, { isPage: language === 'tsx' }));
      }
    } finally {
      clearInterval(again);
    }
  });
});
