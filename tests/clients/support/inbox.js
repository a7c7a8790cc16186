// What comes to a client, one by one.

import { within } from './wait.js';

export class Inbox {
  #items = [];
  #waiting = [];

  push(item) {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(item);
    else this.#items.push(item);
  }

  /** The next item, as soon as there is one. */
  next(what = 'a message') {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift());
    return within(what, new Promise((resolve) => this.#waiting.push(resolve)));
  }

  get isEmpty() {
    return this.#items.length === 0;
  }
}
