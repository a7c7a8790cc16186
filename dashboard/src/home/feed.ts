/** What the home page knows of the pipeline: an answer with the last minutes, then live messages. */
import type { ApiError } from '@/api/errors';
import type { PipelineHistoryQuery, PipelineNowFragment } from '@/api/generated/graphql';
import { isHole, merge, type Sample, sampleOf } from './samples';

export interface Known {
  status?: PipelineNowFragment;
  samples: readonly Sample[];
  /** Why nothing comes any more. */
  error?: ApiError;
}

export interface Server {
  /** All samples that there are. */
  ask(): Promise<PipelineHistoryQuery['pipeline']>;
  /** Until the returned function is called. */
  listen(sink: { next(status: PipelineNowFragment): void; error(error: ApiError): void }): () => void;
}

/** Tells `show` whenever something is known anew, until the returned function is called. */
export function follow(server: Server, show: (known: Known) => void): () => void {
  let known: Known = { samples: [] };
  let incomplete = true;
  let asking = false;
  let left = false;
  const tell = (news: Partial<Known>) => {
    if (left) return;
    known = { ...known, ...news };
    show(known);
  };

  const ask = async () => {
    asking = true;
    incomplete = false;
    try {
      const { samples, ...status } = await server.ask();
      const all = merge(known.samples, samples.map(sampleOf));
      tell(known.status ? { samples: all } : { status, samples: all });
    } catch (error) {
      // The next message asks again.
      incomplete = true;
      if (!known.status) tell({ error: error as ApiError });
    }
    asking = false;
  };

  const stop = server.listen({
    next(status) {
      const next = sampleOf(status.now);
      incomplete ||= isHole(known.samples, next);
      const { error: _, ...rest } = known;
      known = rest;
      tell({ status, samples: merge(known.samples, [next]) });
      if (incomplete && !asking) void ask();
    },
    error: (error) => tell({ error }),
  });
  void ask();
  return () => {
    left = true;
    stop();
  };
}
