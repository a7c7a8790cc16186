// Signing in to the dashboard at an OpenID Connect issuer.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { Browser, startServerWithIssuer } from '../support/oidc.js';
import { eventually } from '../support/wait.js';

const GROUPS = { ada: ['staff', 'reader'], eve: ['staff'], root: ['admin'] };

describe('signing in with OpenID Connect', () => {
  let issuer;
  let server;
  before(async () => {
    ({ issuer, server } = await startServerWithIssuer(GROUPS));
  });
  after(async () => {
    await server?.stop();
    issuer?.stop();
  });

  const session = async (browser, options) => (await browser.ask(`${server.url}/auth/session`, options)).json();

  test('a person signs in, has the role that a claim names, and signs out', async () => {
    const browser = new Browser();
    assert.deepEqual(await session(browser), { controlled: true, anonymous: false, oidc: true, csrf: null, refresh: null, principal: null });
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
    const exchanges = issuer.exchanges();
    const replayed = await second.ask(back, { headers: { cookie: `${first.name}=${first.value}` } });
    assert.equal(replayed.status, 400, 'it was finished before');
    assert.equal(issuer.exchanges(), exchanges, 'and the issuer is not asked');
    assert.equal((await session(second)).principal, null);
  });

  test('a sign-in that the server has not begun never reaches the issuer', async () => {
    const browser = new Browser();
    await browser.follow(`${server.url}/auth/login`, `${issuer.url}/interaction/`);
    const { name, value } = browser.cookies().find(({ name }) => name === 'streamsync-sign-in');
    const [text, tag] = value.split('.');
    const begun = JSON.parse(Buffer.from(text, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify({ ...begun, state: 'mine' })).toString('base64url');
    const exchanges = issuer.exchanges();
    for (const cookie of [forged, `${forged}.${tag}`, `${text}.`, text]) {
      for (const state of ['mine', begun.state]) {
        const url = `${server.url}/auth/callback?code=x&state=${state}`;
        const answer = await new Browser().ask(url, { headers: { cookie: `${name}=${cookie}` } });
        assert.equal(answer.status, 400, cookie);
      }
    }
    assert.equal(issuer.exchanges(), exchanges);
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

describe('a session that the issuer lets go on', () => {
  const groups = { ada: ['reader'] };
  let issuer;
  let server;
  before(async () => {
    ({ issuer, server } = await startServerWithIssuer(groups, 10));
  });
  after(async () => {
    await server?.stop();
    issuer?.stop();
  });

  test('goes on after half of its time by the same cookie, until the issuer takes the role away', async () => {
    const browser = new Browser();
    const url = `${server.url}/auth/session`;
    const session = async () => (await browser.ask(url)).json();
    const cookie = () => browser.cookies().find(({ name }) => name === 'streamsync-session')?.value;
    await browser.ask(await browser.signIn(server, issuer, 'ada'));
    const [first, id] = [await session(), cookie()];
    const own = { 'x-csrf-token': first.csrf };
    const goOn = (headers) => browser.ask(url, { method: 'PUT', headers });
    assert.equal((await goOn({})).status, 403, 'without the CSRF token');
    const early = await (await goOn(own)).json();
    assert.equal(early.principal.expires, first.principal.expires, 'it is too early');
    const second = await eventually('it goes on', async () => {
      const now = await (await goOn(own)).json();
      return now.principal.expires > first.principal.expires && now;
    });
    assert.deepEqual([second.principal.role, cookie()], ['reader', id]);

    groups.ada = ['staff'];
    await eventually('the role is gone', async () => (await goOn(own)).status === 401);
    assert.ok(Date.now() < Date.parse(second.principal.expires), 'before it would have expired');
    assert.equal((await session()).principal, null);
  });
});
