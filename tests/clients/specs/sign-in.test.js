// Signing in to the dashboard at an OpenID Connect issuer.

import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { Browser, CLIENT, startIssuer } from '../support/oidc.js';
import { Server } from '../support/server.js';

const GROUPS = { ada: ['staff', 'reader'], eve: ['staff'], root: ['admin'] };

const settings = (issuer, url) => `
[auth.roles.reader]
operations = ["read"]
read = ["*"]
[auth.roles.admin]
operations = ["admin"]
[[auth.issuer]]
issuer = "${issuer.url}"
audience = "streamsync"
algorithms = ["RS256"]
jwks = "${issuer.jwks}"
role = "{{ claims.groups }}"
name = "{{ claims.preferred_username }}"
[auth.sign_in]
issuer = "${issuer.url}"
client_id = "${CLIENT.client_id}"
client_secret = "${CLIENT.client_secret}"
public_url = "${url}"
`;

async function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  await new Promise((closed) => listener.close(closed));
  return port;
}

describe('signing in with OpenID Connect', () => {
  let issuer;
  let server;
  before(async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    issuer = await startIssuer(`${url}/auth/callback`, (name) => ({ preferred_username: `${name}@example.org`, groups: GROUPS[name] }));
    server = await Server.start({ port, settings: settings(issuer, url) });
  });
  after(async () => {
    await server?.stop();
    issuer?.stop();
  });

  const session = async (browser, options) => (await browser.ask(`${server.url}/auth/session`, options)).json();

  test('a person signs in, has the role that a claim names, and signs out', async () => {
    const browser = new Browser();
    assert.deepEqual(await session(browser), { controlled: true, anonymous: false, oidc: true, csrf: null, principal: null });
    const back = await browser.signIn(server, issuer, 'ada', '/history?x=1');
    const landed = await browser.ask(back);
    assert.deepEqual([landed.status, landed.headers.get('location')], [303, '/history?x=1']);
    const cookie = browser.cookies().find(({ name }) => name === 'streamsync-session');
    assert.ok(cookie.attributes.includes('HttpOnly') && cookie.attributes.includes('SameSite=Strict'));

    const { principal, csrf } = await session(browser);
    assert.deepEqual([principal.subject, principal.name, principal.role], [`${issuer.url}|ada`, 'ada@example.org', 'reader']);
    const json = { query: '{ metrics { name } }' };
    const post = (headers) => browser.ask(`${server.url}/graphql`, { method: 'POST', json, headers });
    assert.equal((await post({})).status, 403, 'without the CSRF token');
    assert.equal((await post({ 'x-csrf-token': 'x'.repeat(43) })).status, 403, 'with another');
    const own = { 'x-csrf-token': csrf };
    const answer = await (await post(own)).json();
    assert.ok(answer.data, JSON.stringify(answer));
    assert.equal((await browser.ask(`${server.url}/metrics`)).status, 403, 'a reader operates nothing');

    const signOut = (headers) => browser.ask(`${server.url}/auth/logout`, { method: 'POST', headers });
    assert.equal((await signOut({})).status, 403);
    const stolen = { cookie: `${cookie.name}=${cookie.value}` };
    assert.equal((await signOut(own)).status, 204);
    assert.equal((await session(browser)).principal, null);
    assert.equal((await session(new Browser(), { headers: stolen })).principal, null, 'the cookie is of no use any more');
  });

  test('an answer with another state signs nobody in', async () => {
    const browser = new Browser();
    const back = new URL(await browser.signIn(server, issuer, 'ada'));
    back.searchParams.set('state', 'x'.repeat(back.searchParams.get('state').length));
    assert.equal((await browser.ask(back.href)).status, 400);
    assert.equal((await session(browser)).principal, null);
  });

  test('an answer is of use once, and to the browser that began', async () => {
    const [browser, thief] = [new Browser(), new Browser()];
    const back = await browser.signIn(server, issuer, 'ada');
    assert.equal((await thief.ask(back)).status, 400);
    const [first, second] = [browser.cookies().find(({ name }) => name === 'streamsync-sign-in'), new Browser()];
    assert.equal((await browser.ask(back)).status, 303);
    assert.equal((await browser.ask(back)).status, 400, 'the browser has nothing of it any more');
    const replayed = await second.ask(back, { headers: { cookie: `${first.name}=${first.value}` } });
    assert.equal(replayed.status, 401, 'the issuer takes a code once');
    assert.equal((await session(second)).principal, null);
  });

  test('whoever has no role here is told so', async () => {
    const browser = new Browser();
    const back = await browser.signIn(server, issuer, 'eve');
    assert.equal((await browser.ask(back)).status, 403);
    assert.equal((await session(browser)).principal, null);
  });

  test('another site does not choose where the browser goes after it', async () => {
    const browser = new Browser();
    const back = await browser.signIn(server, issuer, 'root', '//evil.example.org/');
    assert.equal((await browser.ask(back)).headers.get('location'), '/');
    assert.equal((await session(browser)).principal.role, 'admin');
  });
});
