'use client';

import { Fragment, type ReactNode, useEffect } from 'react';
import { refresh, useDoor } from '@/api/auth';
import { SignInDialog, SignInPage } from './sign-in';

// Asked before anything is drawn: whatever the page asks waits for the answer.
if (typeof window !== 'undefined') void refresh();

/** The page, for who may come in. Another one gets a page of their own, with nothing of who was here before. */
export function Door({ children }: { children: ReactNode }) {
  const { locked, entered, turn } = useDoor();
  useEffect(() => {
    // Somebody else may have signed in in another tab.
    const look = () => document.visibilityState === 'visible' && void refresh();
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);
  if (locked && !entered) return <SignInPage />;
  return (
    <>
      <Fragment key={turn}>{children}</Fragment>
      <SignInDialog />
    </>
  );
}
