'use client';

import { type FormEvent, useEffect, useRef, useState } from 'react';
import { goOnAsGuest, presentToken, signIn, useDoor, wantSignIn } from '@/api/auth';
import { loginFrom } from '@/api/session';
import { Button } from './button';
import { TextField } from './fields';

const TITLE = 'sign-in-title';

/** In place of a page, before anybody was let in. */
export function SignInPage() {
  return (
    <section
      aria-labelledby={TITLE}
      className="mx-auto mt-8 max-w-md rounded-lg border border-line bg-card p-5 sm:mt-16"
    >
      <SignIn level="h1" />
    </section>
  );
}

/** Over the page, which goes on behind it once the same one has signed in again. */
export function SignInDialog() {
  const { locked, wanted } = useDoor();
  const dialog = useRef<HTMLDialogElement>(null);
  const open = locked || wanted;
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={TITLE}
      onCancel={(event) => {
        event.preventDefault();
        if (!locked) wantSignIn(false);
      }}
      // Browsers close a dialog at the second Escape, whatever it says.
      onClose={() => open && dialog.current?.showModal()}
      className="m-auto w-[calc(100%-2rem)] max-w-md rounded-lg border border-line bg-card p-5 text-ink backdrop:bg-page/95"
    >
      {open && <SignIn level="h2" />}
    </dialog>
  );
}

function SignIn({ level: Heading }: { level: 'h1' | 'h2' }) {
  const { session, guarded, ended, locked } = useDoor();
  return (
    <>
      <Heading id={TITLE} className="mb-1 font-semibold text-lg">
        {ended ? 'Your session has ended' : 'Sign in'}
      </Heading>
      <p className="mb-4 text-muted">{sentence(guarded, ended, session?.oidc)}</p>
      {guarded ? (
        <SecretForm key="token" label="Bearer token" onSubmit={presentToken} />
      ) : (
        <SecretForm key="key" label="API key" placeholder="ss_…" onSubmit={signIn} />
      )}
      {session?.oidc && !guarded && (
        <p className="mt-4 border-line border-t pt-4">
          <Button className="w-full" onClick={() => window.location.assign(loginFrom(window.location))}>
            Sign in with your organisation
          </Button>
        </p>
      )}
      {ended && session?.anonymous && (
        <Button look="bare" className="mt-3" onClick={goOnAsGuest}>
          Go on without signing in
        </Button>
      )}
      {!locked && (
        <Button look="bare" className="mt-3" onClick={() => wantSignIn(false)}>
          Cancel
        </Button>
      )}
    </>
  );
}

function sentence(guarded: boolean, ended: boolean, oidc = false): string {
  if (guarded) return 'What stands before the server asks for a bearer token. It is kept for this tab only.';
  if (ended) return 'Sign in again to go on where you were. What came meanwhile is not lost.';
  return `You need ${oidc ? 'an account or an API key' : 'an API key'} to use this server.`;
}

interface SecretProps {
  label: string;
  placeholder?: string;
  /** Gives the reason if it was refused. */
  onSubmit(secret: string): Promise<string | undefined>;
}

function SecretForm({ label, placeholder, onSubmit }: SecretProps) {
  const [secret, setSecret] = useState('');
  const [problem, setProblem] = useState<string>();
  const [sending, setSending] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setProblem(await onSubmit(secret.trim()));
    setSending(false);
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <TextField
        label={label}
        type="password"
        autoComplete="current-password"
        autoFocus
        required
        placeholder={placeholder}
        aria-invalid={problem !== undefined}
        value={secret}
        onChange={(event) => setSecret(event.target.value)}
      />
      <p role="alert" className="text-bad empty:hidden">
        {problem && `■ ${problem}`}
      </p>
      <Button type="submit" look="primary" disabled={sending}>
        {sending ? 'Signing in' : 'Sign in'}
      </Button>
    </form>
  );
}
