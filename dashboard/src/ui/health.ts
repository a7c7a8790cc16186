/** Whether the server has what it needs, asked apart from what pages subscribe to. */
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { send } from '@/api/http';
import { useConnection } from '@/api/live';
import type { Tone } from './pill';

const EVERY_MS = 5_000;

export type Health =
  | { kind: 'unknown' | 'away' }
  /** Sentences; roles that may not operate are not told any. */
  | { kind: 'ready' | 'degraded' | 'broken'; sentences: readonly string[] };

export const HEALTH: Record<Health['kind'], readonly [tone: Tone, title: string]> = {
  unknown: ['quiet', 'Server'],
  ready: ['good', 'Healthy'],
  degraded: ['warn', 'Degraded'],
  broken: ['bad', 'Not ready'],
  away: ['bad', 'Unreachable'],
};

interface Readiness {
  ready: boolean;
  missing?: string[];
  /** What is away, and why. */
  degraded?: Record<string, string>;
}

const isReadiness = (answer: unknown): answer is Readiness => typeof (answer as Readiness | null)?.ready === 'boolean';

/** What an answer of `/readyz` says. */
export function healthOf(answer: unknown): Health {
  if (!isReadiness(answer)) return { kind: 'away' };
  const { ready, missing = [], degraded = {} } = answer;
  if (!ready) return { kind: 'broken', sentences: missing };
  const sentences = Object.entries(degraded).map(([part, why]) => `${part}: ${why}`);
  return { kind: sentences.length > 0 ? 'degraded' : 'ready', sentences };
}

/** A server that does not answer in time is away, however long its connection stays open. */
async function ask(): Promise<Health> {
  const response = await send('/readyz', { signal: AbortSignal.timeout(EVERY_MS) }).catch(() => undefined);
  return healthOf(await response?.json().catch(() => undefined));
}

export function useHealth(): Health {
  const connection = useConnection();
  const { data, refetch } = useQuery({
    queryKey: ['/readyz'],
    queryFn: ask,
    refetchInterval: EVERY_MS,
    retry: false,
  });
  // A connection that breaks or comes back is news of the server.
  // biome-ignore lint/correctness/useExhaustiveDependencies: each change asks
  useEffect(() => void refetch(), [connection, refetch]);
  return data ?? { kind: 'unknown' };
}
