import { memo, type ReactNode } from 'react';
import { Sparkline } from '@/ui/sparkline';
import { dotsOf, peak, type Reading } from './readings';
import { PAUSE_MS, type Sample, SPAN_MS } from './samples';

interface Props {
  reading: Reading;
  samples: readonly Sample[];
  /** Instead of what the reading says of the newest second. */
  detail?: ReactNode;
  className?: string;
}

/** One number of now, and how it went in the last five minutes. Its size is that of what will come. */
export const Tile = memo(function Tile({ reading, samples, detail, className = '' }: Props) {
  const { title, unit, write, of, least } = reading;
  const newest = samples.at(-1);
  const value = newest && of(newest);
  const dots = dotsOf(samples, reading);
  const highest = peak(dots);
  const to = newest?.at ?? 0;
  return (
    <div className={`min-w-0 rounded-lg border border-line bg-card p-3 ${className}`}>
      <dt className="truncate text-muted">{title}</dt>
      <dd>
        <p className="flex h-8 items-baseline gap-1.5 overflow-hidden whitespace-nowrap">
          {newest ? (
            <>
              <span className="font-semibold text-2xl tabular-nums">{value == null ? '–' : write(value)}</span>
              <span className="text-muted">{unit}</span>
            </>
          ) : (
            <span className="h-6 w-24 self-center rounded bg-raised motion-safe:animate-pulse" />
          )}
        </p>
        <p className="h-5 truncate text-muted text-xs">{newest && (detail ?? reading.detail(newest))}</p>
        <Sparkline
          dots={dots}
          from={to - SPAN_MS}
          to={to}
          top={Math.max(highest ?? 0, least)}
          pause={PAUSE_MS}
          label={`The last five minutes, at most ${highest === null ? 'nothing' : `${write(highest)} ${unit}`}`}
        />
        <p aria-hidden="true" className="flex h-4 justify-between text-muted text-xs">
          <span>5 min</span>
          <span>{highest !== null && `max ${write(highest)}`}</span>
        </p>
      </dd>
    </div>
  );
});
