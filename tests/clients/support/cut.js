// A way to the server that a test can cut.

import { once } from 'node:events';
import net from 'node:net';

/** Forwards connections to a port of this machine until they are cut. */
export class Cut {
  #listener;
  #open = new Set();
  connections = 0;

  static async before(server) {
    const cut = new Cut();
    cut.#listener = net.createServer((client) => {
      const upstream = net.connect(server.port, '127.0.0.1');
      cut.connections += 1;
      for (const [from, to] of [[client, upstream], [upstream, client]]) {
        cut.#open.add(from);
        from.pipe(to);
        from.on('error', () => {});
        from.on('close', () => {
          cut.#open.delete(from);
          to.destroy();
        });
      }
    });
    cut.#listener.listen(0, '127.0.0.1');
    await once(cut.#listener, 'listening');
    return cut;
  }

  get websocket() {
    return `ws://127.0.0.1:${this.#listener.address().port}/graphql`;
  }

  get graphql() {
    return `http://127.0.0.1:${this.#listener.address().port}/graphql`;
  }

  /** Breaks every connection without a word; new ones get through. */
  cut() {
    for (const socket of this.#open) socket.resetAndDestroy();
  }

  close() {
    this.#listener.close();
    this.cut();
  }
}
