import { useEffect, useState } from 'react';
import { subscribe } from '@/api/live';
import { request } from '@/api/query';
import { PipelineHistory, PipelineLive } from './documents';
import { follow, type Known, type Server } from './feed';

const server: Server = {
  ask: async () => (await request(PipelineHistory, {})).pipeline,
  listen: ({ next, error }) => subscribe(PipelineLive, {}, { next: (data) => next(data.pipeline), error }),
};

/** `again` starts anew, as after trouble. */
export function usePipeline(): Known & { again(): void } {
  const [known, setKnown] = useState<Known>({ samples: [] });
  const [attempt, setAttempt] = useState(0);
  const again = () => setAttempt((before) => before + 1);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt is another start
  useEffect(() => {
    setKnown({ samples: [] });
    return follow(server, setKnown);
  }, [attempt]);
  return { ...known, again };
}
