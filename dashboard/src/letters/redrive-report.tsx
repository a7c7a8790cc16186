import { Button } from '@/ui/button';
import { Card } from '@/ui/card';
import { count } from '@/ui/format';
import { Trouble } from '@/ui/states';
import { tally } from './outcomes';
import { skippedBy } from './redrive';
import type { Run } from './use-redrive';

const TITLES: Record<Run['phase'], string> = {
  sending: 'Sending letters again',
  following: 'Sent: waiting for what becomes of them',
  done: 'Redrive',
};
/** More ids of one kind are counted, not listed. */
const LISTED = 20;

interface Props {
  run: Run;
  onStop(): void;
  onDismiss(): void;
}

export function RedriveReport({ run, onStop, onDismiss }: Props) {
  const { sent, skipped } = run.progress;
  const { stored, failed } = tally(run.outcomes);
  const open = sent.size - stored - failed;
  const controls =
    run.phase === 'sending' ? <Button onClick={onStop}>Stop</Button> : <Button onClick={onDismiss}>Close</Button>;
  return (
    <Card title={TITLES[run.phase]} aside={controls} className="mb-4">
      {run.phase === 'sending' && (
        <progress
          aria-label="Letters done"
          max={run.size}
          value={sent.size + skipped.length}
          className="mb-2 h-2 w-full accent-accent"
        />
      )}
      <div role="status">
        <p>
          {count(sent.size)} of {count(run.size)} sent
          {sent.size > 0 && (
            <>
              : <span className="text-good">● {count(stored)} stored</span>
              {failed > 0 && <span className="text-bad"> ■ {count(failed)} failed again</span>}
              {open > 0 && (
                <span className="text-muted">
                  {' '}
                  ○ {count(open)} {run.phase === 'done' ? 'not decided within a minute' : 'on their way'}
                </span>
              )}
            </>
          )}
          .{run.stopped && ' Stopped: the rest was not sent.'}
        </p>
        {skippedBy(skipped).map(({ code, reason, ids }) => (
          <p key={code} className="mt-1 break-words text-warn">
            ▲ {count(ids.length)} skipped: {reason} <code>{code}</code>
            <span className="text-muted">
              {' '}
              letters {ids.slice(0, LISTED).join(', ')}
              {ids.length > LISTED && ` and ${count(ids.length - LISTED)} more`}
            </span>
          </p>
        ))}
      </div>
      {run.error && (
        <div className="mt-2">
          <Trouble error={run.error} />
        </div>
      )}
    </Card>
  );
}
