'use client';

import type { ReactNode } from 'react';
import { useDoor } from '@/api/auth';
import { may, type Operation, seesStreams } from '@/api/session';
import { Empty } from './states';

interface Props {
  /** And who may know of some stream. */
  streams?: boolean;
  /** And who may do this too. */
  needs?: Operation;
  children: ReactNode;
}

/** A page for those who may read. */
export function Allowed({ streams = false, needs = 'read', children }: Props) {
  const { session } = useDoor();
  // Not known yet: what the page asks for waits as well.
  if (!session) return children;
  const role = session.principal ? `The role ‘${session.principal.role}’` : 'Your role';
  if (!may(session, 'read')) {
    return <Empty title="This page is not for your role">{role} may not read what is stored.</Empty>;
  }
  if (!may(session, needs)) {
    return (
      <Empty title="This page is not for your role">
        {role} lacks the operation <code>{needs}</code>, which this page needs.
      </Empty>
    );
  }
  if (streams && !seesStreams(session)) {
    return (
      <Empty title="No stream is for your role">
        {role} may read series, but not how they come in. Who runs the server can add streams to it.
      </Empty>
    );
  }
  return children;
}
