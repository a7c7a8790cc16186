import { useId } from 'react';
import { explain } from '@/kafka/reasons';
import { count, time } from '@/ui/format';
import { Pill } from '@/ui/pill';
import { LetterDetail } from './letter-detail';
import type { ListedLetter } from './use-letters';

/** A letter that the server would skip is not offered to be sent. */
export const canRedrive = (letter: Pick<ListedLetter, 'resolvedAt' | 'payloadTruncated'>): boolean =>
  !letter.resolvedAt && !letter.payloadTruncated;

interface Props {
  letter: ListedLetter;
  isOpen: boolean;
  isSelected: boolean;
  onToggle(): void;
  /** Null, as the other, for those who may not redrive. */
  onSelect: ((selected: boolean) => void) | null;
  onRedrive: (() => void) | null;
}

export function LetterRow({ letter, isOpen, isSelected, onToggle, onSelect, onRedrive }: Props) {
  const detail = useId();
  const { title } = explain(letter.reason);
  const sendable = canRedrive(letter);
  return (
    <li data-letter={letter.id} className="border-line border-b last:border-b-0">
      <div className="flex items-start gap-1 hover:bg-raised">
        {onSelect && (
          <label className="flex min-h-10 items-center px-3 py-2">
            <span className="sr-only">Select letter {letter.id}</span>
            <input
              type="checkbox"
              checked={isSelected}
              disabled={!sendable}
              onChange={(event) => onSelect(event.target.checked)}
            />
          </label>
        )}
        <button
          type="button"
          aria-expanded={isOpen}
          aria-controls={detail}
          onClick={onToggle}
          className={`grid min-w-0 grow grid-cols-[minmax(0,1fr)] gap-x-4 gap-y-0.5 py-2 pr-3 text-left md:grid-cols-[12rem_minmax(0,1fr)_auto] ${onSelect ? '' : 'pl-3'}`}
        >
          <span className="flex flex-wrap items-center gap-2 font-medium">
            {title}
            {letter.resolvedAt && <Pill tone="good">Resolved</Pill>}
            {letter.payloadTruncated && <Pill tone="warn">Truncated</Pill>}
          </span>
          <span className="min-w-0">
            <span className="block truncate">{letter.detail}</span>
            <span className="block truncate text-muted">
              {letter.topic} · partition {letter.partition} · offset {count(letter.offset)}
              {letter.key != null && ` · ${letter.key}`}
            </span>
          </span>
          <span className="text-muted tabular-nums md:text-right">
            <span className="md:block">{time(letter.lastFailedAt)}</span>
            <span className="ml-2 md:ml-0 md:block">
              {letter.attempts === 1 ? '1 attempt' : `${letter.attempts} attempts`}
            </span>
          </span>
        </button>
      </div>
      <div id={detail} hidden={!isOpen} className="border-line border-t bg-card p-3 sm:p-4">
        {isOpen && <LetterDetail letter={letter} onRedrive={sendable ? onRedrive : null} />}
      </div>
    </li>
  );
}
