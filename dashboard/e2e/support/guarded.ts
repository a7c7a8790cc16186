/** A server with access control, some series on it, and keys of each role. */
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { binary, Server } from '../../../tests/clients/support/server.js';
import { eventually } from '../../../tests/clients/support/wait.js';
import { produce } from './site';

/** `berlin` reads series of one site and knows of no stream. */
const SETTINGS = `
[[stream]]
name = "machines"
topic = "machines"
partitions = 1
time = { field = "ts", unit = "ms" }
labels = ["site"]
values = ["temperature"]

[auth.roles.berlin]
operations = ["read"]
read = ['machines_*{site="berlin"}', "flow"]

# The tests sign in far more often than people do.
[auth.limits]
sign_ins_per_minute = 1000

[auth.roles.reader]
operations = ["read"]
read = ["*"]
streams = ["*"]

[auth.roles.operator]
operations = ["read", "publish", "operate"]
read = ["*"]
write = ["*"]
streams = ["*"]

[auth.roles.writer]
operations = ["publish"]
write = ["*"]
streams = ["*"]
`;

export type Role = 'berlin' | 'reader' | 'operator' | 'writer';

export class Guarded {
  readonly server: Server;
  #key = '';

  private constructor(server: Server) {
    this.server = server;
  }

  /** One letter waits, and each of two sites has a point. */
  static async start(): Promise<Guarded> {
    const guarded = new Guarded(await Server.start({ streams: SETTINGS }));
    guarded.#key = await guarded.createKey('tests', 'operator');
    const record = { ts: Date.now(), temperature: 21.5 };
    const lines = [{ ...record, site: 'berlin' }, { ...record, site: 'paris' }, { ts: record.ts }];
    await produce(
      guarded.server,
      'machines',
      lines.map((line) => JSON.stringify(line)),
    );
    await eventually('the records are stored', async () => {
      const { metrics, deadLetterReasons } = await guarded.ask('{ metrics { series } deadLetterReasons { count } }');
      return metrics[0]?.series === 2 && deadLetterReasons.length === 1;
    });
    return guarded;
  }

  get url(): string {
    return this.server.url;
  }

  /** Asks as an operator. */
  async ask(query: string, variables: object = {}) {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': this.#key },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  /** Points of the series `flow{}`, as they are stored. */
  async flow(): Promise<{ time: number; value: number }[]> {
    const query = `{ points(selector: { metric: "flow" }, from: "2020-01-01T00:00:00Z", first: 10000) {
      nodes { ts value } } }`;
    const { points } = await this.ask(query);
    return points.nodes.map(({ ts, value }: { ts: string; value: number }) => ({ time: Date.parse(ts), value }));
  }

  publish(value: number): Promise<void> {
    const points = [{ metric: 'flow', ts: new Date().toISOString(), value }];
    return this.ask('mutation ($points: [PointInput!]!) { publish(stream: "points", points: $points) { accepted } }', {
      points,
    });
  }

  async createKey(name: string, role: Role): Promise<string> {
    return (await this.#keys('create', name, '--role', role)).trim();
  }

  revokeKey(name: string): Promise<string> {
    return this.#keys('revoke', name);
  }

  async #keys(...command: string[]): Promise<string> {
    const { config } = this.server;
    const { stdout } = await promisify(execFile)(binary(), [
      'keys',
      ...command,
      ...['--config', config, '--data-dir', dirname(config)],
    ]);
    return stdout;
  }
}
