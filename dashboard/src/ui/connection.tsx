'use client';

import { useDoor } from '@/api/auth';
import { useConnection } from '@/api/live';
import { HEALTH, useHealth } from './health';
import { Menu } from './menu';
import { Pill } from './pill';

/** The health of the server. What each page follows tells of itself. */
export function HealthPill() {
  const { locked } = useDoor();
  return locked ? null : <Told />;
}

function Told() {
  const health = useHealth();
  const connection = useConnection();
  const [tone, title] = HEALTH[health.kind];
  const sentences = 'sentences' in health ? health.sentences : [];
  const pill = (
    <Pill tone={tone} data-health={health.kind} data-connection={connection} role="status">
      <span className="sr-only">Server: </span>
      {title}
    </Pill>
  );
  if (sentences.length === 0) return pill;
  return (
    <Menu title={pill} look="bare">
      <ul className="flex flex-col gap-1 sm:max-w-80">
        {sentences.map((sentence) => (
          <li key={sentence} className="wrap-anywhere">
            {sentence}
          </li>
        ))}
      </ul>
    </Menu>
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
