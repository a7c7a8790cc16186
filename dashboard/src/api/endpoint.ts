/** The server: this page's own origin, or in development the one that is named. */
const server = process.env.NEXT_PUBLIC_STREAMSYNC ?? '';

export const httpUrl = (path: string): string => `${server}${path}`;

export function websocketUrl(path: string): string {
  const url = new URL(path, server || window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
