'use client';

import { useEffect, useState } from 'react';

const TOLD_MS = 3_000;

/** Copies a text and tells for a while how that went: browsers give the clipboard to secure origins only. */
export function useClipboard() {
  const [outcome, setOutcome] = useState<'copied' | 'refused'>();
  useEffect(() => {
    if (!outcome) return;
    const timer = setTimeout(() => setOutcome(undefined), TOLD_MS);
    return () => clearTimeout(timer);
  }, [outcome]);

  /** Whether it was copied. */
  const copy = async (text: string): Promise<boolean> => {
    const done = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    setOutcome(done ? 'copied' : 'refused');
    return done ?? false;
  };
  return { outcome, copy };
}
