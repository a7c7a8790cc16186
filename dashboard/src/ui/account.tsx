'use client';

import { useState } from 'react';
import { signOut, useDoor, wantSignIn } from '@/api/auth';
import { type Principal, signedIn } from '@/api/session';
import { Button } from './button';
import { time } from './format';
import { Menu } from './menu';

/** Who is signed in, where that matters. */
export function Account() {
  const { session, locked } = useDoor();
  if (!session?.controlled || locked) return null;
  const principal = signedIn(session);
  if (!principal) return <Button onClick={() => wantSignIn(true)}>Sign in</Button>;
  return (
    <Menu
      label={`Signed in as ${principal.name}`}
      title={<span className="max-w-16 truncate sm:max-w-40">{principal.name}</span>}
    >
      <Who principal={principal} />
    </Menu>
  );
}

const OPERATIONS = { read: 'read', publish: 'publish', operate: 'operate', admin: 'everything' };

function Who({ principal: { name, role, operations, streams, expires } }: { principal: Principal }) {
  const [failed, setFailed] = useState(false);
  const facts = [
    ['Name', name],
    ['Role', role],
    ['May', operations.map((operation) => OPERATIONS[operation] ?? operation).join(', ') || 'nothing'],
    ['Streams', streams.includes('*') ? 'all' : streams.join(', ') || 'none'],
    ['Signed in until', expires ? time(expires).slice(0, 16) : 'you sign out'],
  ];
  return (
    <>
      <dl className="mb-3 grid max-w-80 grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
        {facts.map(([title, text]) => (
          <div key={title} className="contents">
            <dt className="text-muted">{title}</dt>
            <dd className="wrap-anywhere">{text}</dd>
          </div>
        ))}
      </dl>
      {failed && (
        <p role="alert" className="mb-2 text-bad">
          ■ You are still signed in: the server does not answer.
        </p>
      )}
      <Button className="w-full" onClick={async () => setFailed(!(await signOut()))}>
        Sign out
      </Button>
    </>
  );
}
