declare module 'streamsync-resume' {
  import type { Client } from 'graphql-ws';

  interface Options {
    onGap?: (earliest: string) => string | undefined;
  }
  export function resumable(client: Client, options?: Options): Client;
}
