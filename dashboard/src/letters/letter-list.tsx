import { useState } from 'react';
import { Button } from '@/ui/button';
import { count } from '@/ui/format';
import { canRedrive, LetterRow } from './letter-row';
import type { ListedLetter } from './use-letters';
import type { Target } from './use-redrive';

interface Props {
  letters: readonly ListedLetter[];
  /** All that wait of the filter, shown or not. */
  everything: Extract<Target, { waiting: number }>;
  isStale: boolean;
  more: { isLoading: boolean; load(): void } | null;
  /** Null for those who may not. */
  onRedrive: ((target: Target) => void) | null;
}

export function LetterList({ letters, everything, isStale, more, onRedrive }: Props) {
  const [open, setOpen] = useState<string | null>(null);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const sendable = letters.filter(canRedrive);
  // Letters that were resolved since, or that the filter hides, are selected no more.
  const chosen = sendable.filter(({ id }) => selected.has(id));

  const select = (ids: readonly string[], isSelected: boolean) =>
    setSelected((before) => {
      const after = new Set(before);
      for (const id of ids) isSelected ? after.add(id) : after.delete(id);
      return after;
    });

  return (
    <section aria-label="Letters" aria-busy={isStale} className={isStale ? 'opacity-60' : ''}>
      {onRedrive && (
        <div className="mb-2 flex flex-wrap items-center gap-x-3 gap-y-2">
          <label className="flex min-h-8 items-center gap-2 px-3">
            <input
              type="checkbox"
              disabled={sendable.length === 0}
              checked={sendable.length > 0 && chosen.length === sendable.length}
              onChange={(event) =>
                select(
                  sendable.map(({ id }) => id),
                  event.target.checked,
                )
              }
            />
            Select those shown
          </label>
          <Button disabled={chosen.length === 0} onClick={() => onRedrive({ letters: chosen })}>
            Redrive selected ({count(chosen.length)})
          </Button>
          <Button disabled={everything.waiting === 0} onClick={() => onRedrive(everything)}>
            Redrive all waiting ({count(everything.waiting)})
          </Button>
        </div>
      )}
      <ul className="overflow-hidden rounded-lg border border-line bg-card">
        {letters.map((letter) => (
          <LetterRow
            key={letter.id}
            letter={letter}
            isOpen={open === letter.id}
            isSelected={selected.has(letter.id) && canRedrive(letter)}
            onToggle={() => setOpen(open === letter.id ? null : letter.id)}
            onSelect={onRedrive && ((isSelected) => select([letter.id], isSelected))}
            onRedrive={onRedrive && (() => onRedrive({ letters: [letter] }))}
          />
        ))}
      </ul>
      <div className="mt-3 flex flex-wrap items-center justify-center gap-3 text-muted">
        <span role="status">{count(letters.length)} shown</span>
        {more && (
          <Button onClick={more.load} disabled={more.isLoading}>
            {more.isLoading ? 'Loading' : 'Show more'}
          </Button>
        )}
      </div>
    </section>
  );
}
