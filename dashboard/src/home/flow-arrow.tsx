import type { Flow } from './stages';

const COLOURS: Record<Flow, string> = { moving: 'text-accent', still: 'text-control', blocked: 'text-warn' };

/** Between two stages: from left to right, or downwards where they stand one below the other. */
export function FlowArrow({ flow }: { flow: Flow }) {
  return (
    <div
      aria-hidden="true"
      className={`absolute -top-8 left-1/2 flex size-8 -translate-x-1/2 rotate-90 items-center lg:top-1/2 lg:-left-8 lg:translate-x-0 lg:-translate-y-1/2 lg:rotate-0 ${COLOURS[flow]}`}
    >
      <div className="h-1.5 grow overflow-hidden">
        {/* Wider than what shows of it by one dot, so that it can move by one; the compositor does it alone. */}
        <div
          className={`h-full w-[calc(100%+0.5rem)] bg-[radial-gradient(circle,currentColor_35%,transparent_40%)] bg-size-[0.5rem_100%] ${flow === 'moving' ? 'motion-safe:not-in-data-stale:animate-flow' : ''}`}
        />
      </div>
      <svg aria-hidden="true" viewBox="0 0 6 10" className="h-2.5 w-1.5 shrink-0">
        <path d="M0 0L6 5L0 10Z" fill="currentColor" />
      </svg>
    </div>
  );
}
