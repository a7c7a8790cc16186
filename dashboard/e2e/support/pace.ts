/** Sends one after the other at a steady pace, until the returned function is called. */
export function steadily(everyMs: number, send: () => Promise<void>): () => Promise<void> {
  let sent = Promise.resolve();
  const timer = setInterval(() => {
    sent = sent.then(send);
    // Told by whoever stops it.
    sent.catch(() => clearInterval(timer));
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await sent;
  };
}
