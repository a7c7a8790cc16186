import { useEffect, useRef } from 'react';
import { explain } from '@/kafka/reasons';
import { Button } from '@/ui/button';
import { count } from '@/ui/format';
import { PARTS } from './filter';
import { PORTION } from './redrive';
import { sizeOf, type Target } from './use-redrive';

interface Props {
  /** What to ask about; the dialog is closed without. */
  target: Target | null;
  onAnswer(yes: boolean): void;
}

export function ConfirmRedrive({ target, onAnswer }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (target) dialog.current?.showModal();
    else dialog.current?.close();
  }, [target]);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="confirm-redrive"
      onCancel={(event) => {
        event.preventDefault();
        onAnswer(false);
      }}
      className="m-auto max-w-lg rounded-lg border border-line bg-card p-5 text-ink backdrop:bg-black/60"
    >
      {target && <Question target={target} onAnswer={onAnswer} />}
    </dialog>
  );
}

function Question({ target, onAnswer }: { target: Target; onAnswer: Props['onAnswer'] }) {
  const size = sizeOf(target);
  return (
    <>
      <h2 id="confirm-redrive" className="mb-2 font-semibold text-base">
        {size === 1 ? 'Redrive this letter?' : `Redrive ${count(size)} letters?`}
      </h2>
      {'filter' in target && (
        <ul className="mb-2 list-disc pl-5">
          {PARTS.map((part) => {
            const value = target.filter[part];
            return (
              value && <li key={part}>{`Only of the ${part} ${part === 'reason' ? explain(value).title : value}`}</li>
            );
          })}
          {PARTS.every((part) => !target.filter[part]) && <li>All waiting, of all streams</li>}
        </ul>
      )}
      <p className="mb-4 text-muted">
        {size === 1 ? 'It goes through Kafka again as it came. ' : 'They go through Kafka again as they came. '}
        What fits now is stored, without replacing any stored point; what still does not fit fails again, with one
        attempt more.
        {size > PORTION && ` They are sent ${count(PORTION)} at a time; you can stop in between.`}
      </p>
      <div className="flex justify-end gap-2">
        <Button onClick={() => onAnswer(false)}>Cancel</Button>
        <Button look="primary" onClick={() => onAnswer(true)}>
          Redrive
        </Button>
      </div>
    </>
  );
}
