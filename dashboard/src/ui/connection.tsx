'use client';

import { useDoor } from '@/api/auth';
import { type Connection, useConnection } from '@/api/live';
import { Pill, type Tone } from './pill';

const SHOWN: Record<Connection, [Tone, string]> = {
  idle: ['quiet', 'Not live'],
  connecting: ['quiet', 'Connecting'],
  live: ['good', 'Live'],
  reconnecting: ['warn', 'Reconnecting'],
};

export function ConnectionPill() {
  const connection = useConnection();
  const { locked } = useDoor();
  if (locked) return null;
  const [tone, text] = SHOWN[connection];
  return (
    <Pill tone={tone} data-connection={connection} role="status">
      {text}
    </Pill>
  );
}

export function ConnectionBanner() {
  const connection = useConnection();
  const { locked } = useDoor();
  if (connection !== 'reconnecting' || locked) return null;
  return (
    <p role="alert" className="border-warn border-b bg-card px-3 py-2 text-center text-warn">
      The connection to the server is lost. What is missed meanwhile comes as soon as it is back.
    </p>
  );
}
