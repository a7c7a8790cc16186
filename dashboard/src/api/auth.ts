/**
 * The bearer token of whoever guards the server, such as a reverse proxy. It is kept for this tab
 * alone and sent with every request, and on the WebSocket as a connection parameter, since browsers
 * cannot set headers there.
 */
import { store, useStore } from './store';

const KEY = 'streamsync.token';

const token = store<string | null>(typeof window === 'undefined' ? null : sessionStorage.getItem(KEY));
/** True once the server has answered that it wants to know who asks. */
const refused = store(false);

export const authorization = (): Record<string, string> => {
  const value = token.get();
  return value ? { authorization: `Bearer ${value}` } : {};
};

export const wasRefused = (): void => refused.set(true);

export function signIn(value: string): void {
  sessionStorage.setItem(KEY, value);
  token.set(value);
  refused.set(false);
}

export function signOut(): void {
  sessionStorage.removeItem(KEY);
  token.set(null);
}

export function useAuth() {
  return {
    signedIn: useStore(token, null) !== null,
    refused: useStore(refused, false),
    signIn,
    signOut,
  };
}

/** Called whenever another token is to be used. */
export const onTokenChange = token.subscribe;
