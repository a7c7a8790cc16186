// An issuer of tokens whose keys are in a file.

import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ISSUER = 'https://id.example.org';
/** For so long after its `exp` a token is taken. */
const LEEWAY_S = 30;

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export class Issuer {
  #folder = mkdtempSync(join(tmpdir(), 'streamsync-issuer-'));
  #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });

  constructor() {
    const key = { ...this.#keys.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' };
    writeFileSync(this.#jwks, JSON.stringify({ keys: [key] }));
  }

  get #jwks() {
    return join(this.#folder, 'jwks.json');
  }

  /** The section that trusts it. */
  settings(role) {
    const trusted = { issuer: ISSUER, audience: 'streamsync', algorithms: ['RS256'], jwks: this.#jwks, role };
    return `[[auth.issuer]]\n${Object.entries(trusted).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`).join('')}`;
  }

  /** A token that is good for so long. */
  token(seconds) {
    const exp = Date.now() / 1000 + seconds - LEEWAY_S;
    const signed = `${encoded({ alg: 'RS256', kid: 'one' })}.${encoded({ iss: ISSUER, aud: 'streamsync', sub: 'ada', exp })}`;
    return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), this.#keys.privateKey).toString('base64url')}`;
  }

  discard() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
