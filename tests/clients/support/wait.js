// Waiting for real conditions, with a deadline far beyond what a loaded machine needs.

import { setTimeout as pause } from 'node:timers/promises';

export const PATIENCE = 60_000;

/** Asks until the answer is truthy, and returns it; an error counts as not yet. */
export async function eventually(what, ask, patience = PATIENCE) {
  const deadline = Date.now() + patience;
  let failure;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`, { cause: failure });
    await pause(20);
  }
}

/** The promise's value, or an error that names what was waited for. */
export async function within(what, promise) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

let last = 0;

/** A name that no other test has. */
export function unique(prefix) {
  last += 1;
  return `${prefix}_${process.pid}_${last}`;
}
