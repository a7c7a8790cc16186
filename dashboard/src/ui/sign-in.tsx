'use client';

import { type FormEvent, useState } from 'react';
import { useAuth } from '@/api/auth';
import { Button } from './button';
import { TextField } from './fields';

/** Shown once the server, or what stands before it, has refused to answer without a token. */
export function SignIn() {
  const { refused, signIn } = useAuth();
  const [token, setToken] = useState('');
  if (!refused) return null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn(token.trim());
    setToken('');
  };
  return (
    <form onSubmit={submit} className="flex flex-wrap items-end gap-2 border-line border-b bg-card px-3 py-3 sm:px-6">
      <TextField
        label="The server asks for a bearer token; it is kept for this tab only"
        type="password"
        autoComplete="off"
        required
        value={token}
        onChange={(event) => setToken(event.target.value)}
      />
      <Button type="submit" look="primary">
        Sign in
      </Button>
    </form>
  );
}
