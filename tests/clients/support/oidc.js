// An OpenID Connect issuer for tests, and a browser that signs in there.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

import Provider from 'oidc-provider';

import { Server } from './server.js';

const CLIENT = { client_id: 'dashboard', client_secret: 'only-for-tests-0123456789abcdef' };

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

/**
 * A server and its issuer, which is another site to browsers.
 * @param {Record<string, string[]>} groups by the names of those who may sign in
 * @param {number} seconds for which an ID token is good
 */
export async function startServerWithIssuer(groups, seconds = 3600) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const claims = (name) => ({ preferred_username: `${name}@example.org`, groups: groups[name] });
  const issuer = await startIssuer(`${url}/auth/callback`, claims, seconds);
  const server = await Server.start({ port, settings: settings(issuer, url) });
  return { issuer, server };
}

async function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  await new Promise((closed) => listener.close(closed));
  return port;
}

/**
 * @param {string} callback where browsers are sent back to
 * @param {(name: string) => object} claims of whoever signs in by this name
 * @param {number} seconds for which an ID token is good
 */
async function startIssuer(callback, claims, seconds) {
  const listener = http.createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const url = `http://localhost:${listener.address().port}`;
  const provider = new Provider(url, {
    clients: [{ ...CLIENT, redirect_uris: [callback], grant_types: ['authorization_code', 'refresh_token'] }],
    // As Keycloak does, without another scope.
    issueRefreshToken: () => true,
    ttl: { IdToken: seconds },
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
    // The claims are in the ID token, as Keycloak has them.
    conformIdTokenClaims: false,
    findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, ...claims(id) }) }),
    cookies: { keys: ['only for tests'] },
  });
  let exchanges = 0;
  listener.on('request', ({ url }) => (exchanges += url === '/token' ? 1 : 0));
  listener.on('request', provider.callback());
  const stop = () => {
    listener.close();
    listener.closeAllConnections();
  };
  return { url, jwks: `${url}/jwks`, exchanges: () => exchanges, stop };
}

/** Keeps cookies by name and path and follows redirects, one after the other. */
export class Browser {
  #cookies = new Map();

  /** One request; redirects are not followed. */
  async ask(url, { method = 'GET', form, json, headers = {} } = {}) {
    const { origin, pathname } = new URL(url);
    const sent = [...this.#cookies.values()].filter((cookie) => cookie.origin === origin && pathname.startsWith(cookie.path));
    const body = form ? new URLSearchParams(form).toString() : json && JSON.stringify(json);
    const type = form ? 'application/x-www-form-urlencoded' : 'application/json';
    const response = await fetch(url, {
      method,
      body,
      redirect: 'manual',
      headers: {
        ...(body && { 'content-type': type }),
        ...(sent.length && { cookie: sent.map(({ name, value }) => `${name}=${value}`).join('; ') }),
        ...headers,
      },
    });
    for (const line of response.headers.getSetCookie()) this.#keep(origin, line);
    return response;
  }

  /** Goes on until an address begins with `until`, which is not asked. */
  async follow(url, until) {
    for (let steps = 0; steps < 20; steps++) {
      if (url.startsWith(until)) return url;
      const response = await this.ask(url);
      const next = response.headers.get('location');
      if (!next) throw new Error(`${url} answers ${response.status}: ${await response.text()}`);
      url = new URL(next, url).href;
    }
    throw new Error(`${url}: too many redirects`);
  }

  /** From `/auth/login` over the issuer's pages to the address that leads back. */
  async signIn(server, issuer, name, returnTo = '/') {
    const login = `${server.url}/auth/login?return=${encodeURIComponent(returnTo)}`;
    const back = `${server.url}/auth/callback`;
    let page = await this.follow(login, `${issuer.url}/interaction/`);
    for (const form of [{ prompt: 'login', login: name, password: 'any' }, { prompt: 'consent' }]) {
      const response = await this.ask(page, { method: 'POST', form });
      const next = new URL(response.headers.get('location'), page).href;
      page = await this.#until(next, [back, `${issuer.url}/interaction/`]);
      if (page.startsWith(back)) break;
    }
    return page;
  }

  cookies() {
    return [...this.#cookies.values()];
  }

  async #until(url, ends) {
    while (!ends.some((end) => url.startsWith(end))) {
      const response = await this.ask(url);
      url = new URL(response.headers.get('location'), url).href;
    }
    return url;
  }

  #keep(origin, line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const attribute = (wanted) => attributes.find((text) => text.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
    const cookie = { origin, name, value, path: attribute('path') ?? '/', attributes };
    const key = `${origin} ${name} ${cookie.path}`;
    const ended = attribute('max-age') === '0' || Date.parse(attribute('expires') ?? '') < Date.now();
    if (ended) this.#cookies.delete(key);
    else this.#cookies.set(key, cookie);
  }
}
