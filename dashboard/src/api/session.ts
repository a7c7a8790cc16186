/** What the server says of who asks: `/auth/session`, without any state of the page. */
import { httpUrl } from './endpoint';

export type Operation = 'read' | 'publish' | 'operate' | 'admin';

export interface Principal {
  subject: string;
  name: string;
  role: string;
  operations: readonly Operation[];
  /** Names of streams, or `*` for all. */
  streams: readonly string[];
  /** When it has to sign in again, if ever. */
  expires: string | null;
}

export interface Session {
  /** False where everybody may do everything. */
  controlled: boolean;
  /** Whether those who are not signed in have a role too. */
  anonymous: boolean;
  /** Whether a provider can be signed in with. */
  oidc: boolean;
  csrf: string | null;
  /** From when on the server asks the provider whether the session goes on, if it can. */
  refresh: string | null;
  principal: Principal | null;
}

export const OPEN: Session = {
  controlled: false,
  anonymous: false,
  oidc: false,
  csrf: null,
  refresh: null,
  principal: null,
};

/** What those who are not signed in are, on servers with a role for them. */
const ANONYMOUS = 'anonymous';

/** Who has signed in; `null` for guests. */
export const signedIn = (session: Session | undefined): Principal | null =>
  session?.principal && session.principal.subject !== ANONYMOUS ? session.principal : null;

/** Whether buttons for this are shown. The server decides by itself what it does. */
export function may(session: Session | undefined, operation: Operation): boolean {
  if (!session) return false;
  if (!session.controlled) return true;
  const operations = session.principal?.operations ?? ['read'];
  return operations.includes(operation) || operations.includes('admin');
}

export const seesStreams = (session: Session | undefined): boolean =>
  !session?.controlled ||
  !session.principal ||
  session.principal.streams.length > 0 ||
  session.principal.operations.includes('admin');

export const seesAllStreams = (session: Session | undefined): boolean =>
  !session?.controlled ||
  !session.principal ||
  session.principal.streams.includes('*') ||
  session.principal.operations.includes('admin');

/** The session; `guarded`: something before the server refuses; `unknown`: there was no answer. */
export type Answer = Session | 'guarded' | 'unknown';

export async function readSession(headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(httpUrl('/auth/session'), { headers, cache: 'no-store' }).catch(() => undefined);
  if (response?.status === 401) return 'guarded';
  // A server without such a path has no access control.
  if (response?.status === 404) return OPEN;
  return sessionOf(response);
}

/** What became of an attempt to sign in: the session, or why there is none. */
export type Attempt = { session: Session } | { problem: string };

export async function signInWithKey(key: string, csrf: Record<string, string>): Promise<Attempt> {
  const response = await fetch(httpUrl('/auth/session'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...csrf },
    body: JSON.stringify({ key }),
  }).catch(() => undefined);
  if (!response) return { problem: 'The server does not answer.' };
  if (response.status === 401)
    return { problem: 'The server does not accept this key. It may be mistyped, expired or revoked.' };
  if (response.status === 429) return { problem: tooOften(response.headers.get('retry-after')) };
  const session = await sessionOf(response);
  return session === 'unknown'
    ? { problem: `The server answered ${response.status}. Try again in a moment.` }
    : { session };
}

/** Asks the server to go on with the session. What became of it, `/auth/session` says. */
export async function goOnWithSession(csrf: Record<string, string>): Promise<void> {
  await fetch(httpUrl('/auth/session'), { method: 'PUT', headers: csrf }).catch(() => undefined);
}

/** Whether the session has ended. */
export async function endSession(csrf: Record<string, string>): Promise<boolean> {
  const response = await fetch(httpUrl('/auth/logout'), { method: 'POST', headers: csrf }).catch(() => undefined);
  return response !== undefined && (response.ok || response.status === 401);
}

/** The server leads back to addresses of this length. Those of whole dashboards are longer. */
const BACK_MAX = 1_000;
const PLACE = 'streamsync.place';

/** Where to sign in with a provider. It leads back to this place, whose address is kept here if it is too long. */
export function loginFrom({ pathname, search }: Pick<Location, 'pathname' | 'search'>): string {
  const isLong = pathname.length + search.length > BACK_MAX;
  if (isLong) sessionStorage.setItem(PLACE, pathname + search);
  return httpUrl(`/auth/login?return=${encodeURIComponent(isLong ? pathname : pathname + search)}`);
}

/** Runs in the head, before anything reads the address. */
export const returnToPlace = `{const p=sessionStorage.getItem('${PLACE}');sessionStorage.removeItem('${PLACE}');if(p&&p.startsWith(location.pathname+'?'))history.replaceState(null,'',p)}`;

export const csrfHeader = (session: Session | undefined): Record<string, string> =>
  session?.csrf ? { 'x-csrf-token': session.csrf } : {};

function tooOften(seconds: string | null): string {
  const wait = Number(seconds);
  return `Too many attempts. Try again ${wait > 0 ? `in ${wait} s` : 'later'}.`;
}

async function sessionOf(response: Response | undefined): Promise<Session | 'unknown'> {
  if (!response?.ok) return 'unknown';
  const session: Session | undefined = await response.json().catch(() => undefined);
  return typeof session?.controlled === 'boolean' ? session : 'unknown';
}
