// A project of somebody who has installed the tarball of clients/js, in a folder of its own.

import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { within } from './wait.js';

const run = promisify(execFile);
const here = fileURLToPath(new URL('..', import.meta.url));
const clients = fileURLToPath(new URL('../../../clients/js', import.meta.url));
const packed = join(here, 'node_modules/@streamsync');

export const tarball = join(packed, readdirSync(packed).find((name) => name.endsWith('.tgz')) ?? '');

/** A page, and what it shows on standard output. */
const DOM = `import { Window } from 'happy-dom';
import WebSocket from 'ws';
const { document } = (globalThis.window = new Window());
Object.assign(globalThis, { document, WebSocket });
globalThis.navigator ??= window.navigator;
document.body.innerHTML = '<div id="root"></div>';
setInterval(() => console.log(document.body.textContent), 100);
`;

export class Project {
  #folder = mkdtempSync(join(tmpdir(), 'streamsync-project-'));

  static async create() {
    const project = new Project();
    project.#write('package.json', '{ "private": true, "type": "module" }');
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], { cwd: project.#folder });
    const modules = join(project.#folder, 'node_modules');
    // What else it would install is here already.
    for (const name of ['happy-dom', 'react', 'react-dom', 'ws']) symlinkSync(join(here, 'node_modules', name), join(modules, name));
    symlinkSync(join(clients, 'node_modules/@types'), join(modules, '@types'));
    project.#write('dom.js', DOM);
    return project;
  }

  /** Checks the types of files by name, with the types of all that they import, and compiles them. */
  async compile(files, options = {}) {
    for (const [name, text] of Object.entries(files)) this.#write(name, text);
    const compilerOptions = {
      strict: true,
      target: 'es2022',
      lib: ['esnext', 'dom'],
      module: 'nodenext',
      jsx: 'react-jsx',
      types: ['node'],
      rootDir: '.',
      outDir: 'out',
      ...options,
    };
    this.#write('tsconfig.json', JSON.stringify({ compilerOptions, files: Object.keys(files) }));
    const ended = run(join(clients, 'node_modules/.bin/tsc'), [], { cwd: this.#folder });
    await ended.catch(({ stdout }) => {
      throw new Error(stdout);
    });
  }

  /** Runs what was compiled until it has said this. */
  async says(name, wanted, { isPage = false } = {}) {
    const child = spawn(process.execPath, [...(isPage ? ['--import', './dom.js'] : []), join('out', name)], { cwd: this.#folder });
    let said = '';
    const ended = new Promise((resolve) => child.on('close', resolve));
    try {
      const heard = new Promise((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr]) {
          stream.setEncoding('utf8').on('data', (text) => {
            said += text;
            if (wanted.test(said)) resolve(undefined);
          });
        }
        ended.then(() => reject(new Error('it ended')));
      });
      await within(`${wanted} from ${name}`, heard);
    } catch (error) {
      throw new Error(`it said:\n${said}`, { cause: error });
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  }

  discard() {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #write(name, text) {
    writeFileSync(join(this.#folder, name), text);
  }
}
