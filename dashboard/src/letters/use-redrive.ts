import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from '@/api/errors';
import { request } from '@/api/query';
import { type LetterState, RedriveLetters } from './documents';
import { EVERYTHING, type Filter } from './filter';
import { follow, type Outcome } from './outcomes';
import { NOTHING, only, type Progress, redrive } from './redrive';
import { statesOf } from './use-letters';

/** What is to be sent again: chosen letters, or all that wait of a filter. */
export type Target = { letters: readonly LetterState[] } | { filter: Filter; waiting: number };

export const sizeOf = (target: Target): number => ('letters' in target ? target.letters.length : target.waiting);

export interface Run {
  phase: 'sending' | 'following' | 'done';
  /** How many it began with. */
  size: number;
  progress: Progress;
  outcomes: ReadonlyMap<string, Outcome>;
  stopped: boolean;
  error?: ApiError;
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const send = async (ids: string[]) => (await request(RedriveLetters, { ids })).redriveDeadLetters;

const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError(String(error), 'UNKNOWN');

/** One redrive at a time: sends, then follows what was sent. `changed` is called when letters are others than before. */
export function useRedrive(changed: () => void) {
  const [run, setRun] = useState<Run | null>(null);
  const sending = useRef<AbortController>(null);
  const whole = useRef<AbortController>(null);

  const leave = useCallback(() => {
    sending.current?.abort();
    whole.current?.abort();
  }, []);
  useEffect(() => leave, [leave]);

  const start = async (target: Target) => {
    leave();
    const toSend = new AbortController();
    const all = new AbortController();
    sending.current = toSend;
    whole.current = all;
    const update = (part: Partial<Run>) => {
      if (!all.signal.aborted) setRun((run) => run && { ...run, ...part });
    };
    setRun({ phase: 'sending', size: sizeOf(target), progress: NOTHING, outcomes: new Map(), stopped: false });

    let { sent } = NOTHING;
    const tell = (progress: Progress) => {
      sent = progress.sent;
      update({ progress });
    };
    const pages = 'letters' in target ? only(target.letters) : statesOf(target.filter, all.signal);
    try {
      await redrive(pages, send, tell, toSend.signal);
    } catch (error) {
      update({ error: asApiError(error) });
    }
    update({ phase: 'following', stopped: toSend.signal.aborted });

    // A letter that fails again may do so for another reason than before.
    const origin = 'letters' in target ? EVERYTHING : { ...target.filter, reason: null };
    const found = (outcomes: Run['outcomes']) => {
      update({ outcomes });
      if (!all.signal.aborted) changed();
    };
    try {
      await follow(sent, statesOf({ ...origin, resolved: true }, all.signal), found, wait, all.signal);
    } catch (error) {
      update({ error: asApiError(error) });
    }
    update({ phase: 'done' });
  };

  const dismiss = () => {
    leave();
    setRun(null);
  };
  return { run, start, stop: () => sending.current?.abort(), dismiss };
}
