/**
 * The door through which everything asks the server. Requests and sockets wait here until the server has
 * said whether somebody has to sign in, and while somebody has to; then they go on.
 *
 * The browser keeps the session in a cookie that scripts cannot read. A bearer token is only for what
 * stands before a server without access control, such as a proxy; it is kept for this tab.
 */
import {
  type Answer,
  csrfHeader,
  endSession,
  goOnWithSession,
  may,
  OPEN,
  type Operation,
  readSession,
  type Session,
  seesAllStreams,
  signedIn,
  signInWithKey,
} from './session';
import { store, useStore } from './store';

const TOKEN = 'streamsync.token';

export interface Door {
  /** Not known before the first answer. */
  session: Session | undefined;
  /** Something before the server asks for a bearer token. */
  guarded: boolean;
  /** Who was signed in no longer is, without having signed out. */
  ended: boolean;
  /** Somebody was let in, and what that one looks at is still there. */
  entered: boolean;
  /** Somebody who is in may sign in as somebody else. */
  wanted: boolean;
  /** Who was let in last, and what that one may do. */
  identity: string;
  /** Counts those who were let in one after the other. */
  turn: number;
}

/** In place of a first answer that did not come: requests say themselves what is wrong. */
const GUESS: Session = { ...OPEN };

const AT_FIRST: Door = {
  session: undefined,
  guarded: false,
  ended: false,
  entered: false,
  wanted: false,
  identity: '',
  turn: 0,
};

const door = store(AT_FIRST);
let token = typeof window === 'undefined' ? null : sessionStorage.getItem(TOKEN);

function identityOf({ principal }: Session): string {
  return JSON.stringify(principal, (key, value) => (key === 'expires' ? undefined : value));
}

/** The session of who may come in. */
function admitted({ session, guarded, ended }: Door): Session | undefined {
  if (!session || guarded || ended) return undefined;
  return !session.controlled || session.anonymous || session.principal ? session : undefined;
}

function update(change: Partial<Door>): void {
  const next = { ...door.get(), ...change };
  const session = admitted(next);
  const identity = session ? identityOf(session) : next.identity;
  const isAnother = next.entered && identity !== next.identity;
  const entered = next.entered || session !== undefined;
  door.set({ ...next, entered, identity, turn: isAnother ? next.turn + 1 : next.turn });
}

function learn(answer: Answer): void {
  const { session: before, ended } = door.get();
  if (answer === 'guarded') {
    update({ session: before ?? OPEN, guarded: true });
  } else if (answer === 'unknown') {
    update({ session: before ?? GUESS });
  } else {
    const isNew = before === GUESS || JSON.stringify(answer) !== JSON.stringify(before);
    const isOut = answer.controlled && !signedIn(answer);
    update({ session: isNew ? answer : before, ended: isOut && (ended || signedIn(before) !== null) });
  }
}

/** A try that came to nothing is made again. */
const AGAIN_MS = 30_000;
let goingOn: ReturnType<typeof setTimeout> | undefined;

/** Keeps somebody signed in for as long as the provider does. */
function goOnInTime(): void {
  clearTimeout(goingOn);
  const from = door.get().session?.refresh;
  if (!from) return;
  goingOn = setTimeout(
    () => void goOnWithSession(csrf()).then(refresh).then(goOnInTime),
    Math.max(Date.parse(from) - Date.now(), AGAIN_MS),
  );
}

let known: Session | undefined;
door.subscribe(() => {
  const { session } = door.get();
  if (session === known) return;
  known = session;
  goOnInTime();
});

let asking: Promise<void> | undefined;

/** Asks the server who this is. */
export function refresh(): Promise<void> {
  asking ??= readSession(authorization())
    .then(learn)
    .finally(() => {
      asking = undefined;
    });
  return asking;
}

/** Waits until somebody may come in. */
export async function entrance(signal?: AbortSignal): Promise<Session> {
  signal?.throwIfAborted();
  const session = admitted(door.get());
  if (session === GUESS) void refresh();
  if (session) return session;
  return new Promise((resolve, reject) => {
    const leave = door.subscribe(() => {
      const found = admitted(door.get());
      if (!found) return;
      leave();
      resolve(found);
    });
    const giveUp = () => {
      leave();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
  });
}

/** After a refusal: whether the same one is let in again, by another session than was `asked` with. */
export async function letInAgain(asked: Session, signal?: AbortSignal): Promise<boolean> {
  const { turn } = door.get();
  await refresh();
  if (admitted(door.get()) === asked) {
    // The server says that all is well: it has no access control, or the session is not enough.
    if (asked.controlled) {
      update({ wanted: true });
      return false;
    }
    update({ guarded: true });
  }
  await entrance(signal);
  return asked === GUESS || door.get().turn === turn;
}

/** After another refusal: whether the same one has another session than `asked`, as after a sign-in in another tab. */
export async function hasAnotherSession(asked: Session): Promise<boolean> {
  const { turn } = door.get();
  await refresh();
  const session = admitted(door.get());
  return session !== undefined && session.csrf !== asked.csrf && door.get().turn === turn;
}

/** What requests say of who asks, beside the cookie. */
export const authorization = (): Record<string, string> => (token ? { authorization: `Bearer ${token}` } : {});

/** What requests that may change something say too. */
export const csrf = (): Record<string, string> => csrfHeader(door.get().session);

/** Why it failed, if it did. */
export async function signIn(key: string): Promise<string | undefined> {
  const attempt = await signInWithKey(key, csrf());
  if ('problem' in attempt) return attempt.problem;
  update({ session: attempt.session, ended: false, wanted: false });
  return undefined;
}

/** As `signIn`, for what stands before the server. */
export async function presentToken(value: string): Promise<string | undefined> {
  token = value;
  sessionStorage.setItem(TOKEN, value);
  const answer = await readSession(authorization());
  if (answer === 'guarded') return 'The token is not accepted.';
  update({ session: answer === 'unknown' ? GUESS : { ...answer }, guarded: false });
  return undefined;
}

/** Whether it is done. What was shown is gone then. */
export async function signOut(): Promise<boolean> {
  if (!(await endSession(csrf()))) {
    // In another tab, this browser may have got another session.
    await refresh();
    if (!(await endSession(csrf()))) return false;
  }
  door.set({ ...AT_FIRST, turn: door.get().turn + 1 });
  await refresh();
  return true;
}

/** Opens or closes the dialog for those who are in. */
export const wantSignIn = (wanted: boolean): void => update({ wanted });

/** Goes on without being signed in any more, on servers with a role for guests. */
export const goOnAsGuest = (): void => update({ ended: false });

/** Called whenever another one is let in, or the same one who may do other things. */
export function onTurn(listener: () => void): () => void {
  let { turn } = door.get();
  return door.subscribe(() => {
    if (door.get().turn === turn) return;
    turn = door.get().turn;
    listener();
  });
}

/** `locked`: nothing goes on before somebody has signed in. */
export function useDoor(): Door & { locked: boolean } {
  const state = useStore(door, AT_FIRST);
  return { ...state, locked: state.session !== undefined && !admitted(state) };
}

/** Whether who looks may do this; false before the server has said so. */
export const useMay = (operation: Operation): boolean => may(useDoor().session, operation);
export const useSeesAllStreams = (): boolean => seesAllStreams(useDoor().session);
