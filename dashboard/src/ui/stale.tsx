'use client';

import { type ReactNode, useEffect, useState } from 'react';
import { useConnection } from '@/api/live';
import { clock } from './format';

/** So long a message may be late, in milliseconds, before what it told counts as old. */
const PATIENCE_MS = 5_000;

/** Whether what `message` told may no longer be so: the connection is lost, or silent for too long. */
export function useStale(message: unknown): boolean {
  const [silent, setSilent] = useState(false);
  const reconnecting = useConnection() === 'reconnecting';
  useEffect(() => {
    setSilent(false);
    if (message === undefined) return;
    const timer = setTimeout(() => setSilent(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [message]);
  return message !== undefined && (reconnecting || silent);
}

/** Takes the colour from what is no longer fresh; it keeps its contrast. */
export function Stale({
  stale,
  className = '',
  children,
}: {
  stale: boolean;
  className?: string;
  children: ReactNode;
}) {
  return (
    <div data-stale={stale || undefined} className={`${className} ${stale ? 'text-muted grayscale' : ''}`}>
      {children}
    </div>
  );
}

/** From when the values are, while they are not fresh. It keeps its room, so nothing moves. */
export function AsOf({ stale, at }: { stale: boolean; at: string | undefined }) {
  return (
    <span role="status" className="min-h-5 text-warn text-xs">
      {stale && at !== undefined && `As of ${clock(at)}`}
    </span>
  );
}
