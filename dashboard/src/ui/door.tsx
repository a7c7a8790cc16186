'use client';

import { Fragment, type ReactNode, useEffect } from 'react';
import { refresh, useDoor } from '@/api/auth';
import { useStore } from '@/api/store';
import { SignInDialog, SignInPage } from './sign-in';
import { zone } from './zone';

// Asked before anything is drawn: whatever the page asks waits for the answer.
if (typeof window !== 'undefined') void refresh();

/** The page, for who may come in. Another one gets a page of their own, with nothing of who was here before. */
export function Door({ children }: { children: ReactNode }) {
  const { locked, entered, turn } = useDoor();
  const shownZone = useStore(zone);
  useEffect(() => {
    // Somebody else may have signed in in another tab.
    const look = () => document.visibilityState === 'visible' && void refresh();
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);
  if (locked && !entered) return <SignInPage />;
  return (
    <>
      {/* All times on it are others in another time zone. */}
      <Fragment key={`${turn} ${shownZone}`}>{children}</Fragment>
      <SignInDialog />
    </>
  );
}
