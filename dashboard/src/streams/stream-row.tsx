import { useId } from 'react';
import type { SettingsFragment } from '@/api/generated/graphql';
import { count, short } from '@/ui/format';
import { Pill } from '@/ui/pill';
import { type Row, STATES } from './rows';
import { StreamDetails } from './stream-details';

interface Props {
  row: Row;
  settings: SettingsFragment | undefined;
  /** Dead letters. */
  waiting: number | undefined;
  open: boolean;
  onTurn(): void;
}

const WIDE = 'hidden py-1 pr-3 text-right tabular-nums sm:table-cell';

export function StreamRow({ row, settings, waiting, open, onTurn }: Props) {
  const id = useId();
  const { stream, rates, lag, state } = row;
  return (
    <tbody className="border-line border-t">
      <tr>
        <th scope="row" className="w-full p-1 text-left font-normal sm:w-auto">
          <button
            type="button"
            aria-expanded={open}
            aria-controls={id}
            onClick={onTurn}
            className="flex min-h-8 w-full items-center gap-2 rounded px-2 text-left font-medium hover:bg-raised"
          >
            <span aria-hidden="true" className={`text-muted ${open ? 'rotate-90' : ''}`}>
              ▸
            </span>
            <span className="wrap-anywhere">{stream.name}</span>
          </button>
        </th>
        <td className="px-3 py-1">
          <Pill tone={STATES[state].tone}>{STATES[state].title}</Pill>
        </td>
        <td className={WIDE}>{rates ? short(rates.records) : '–'}</td>
        <td className={WIDE}>{rates ? short(rates.stored) : '–'}</td>
        <td className="py-1 pr-3 text-right tabular-nums">{count(lag)}</td>
        <td className={WIDE}>{waiting === undefined ? '–' : count(waiting)}</td>
      </tr>
      <tr id={id} hidden={!open}>
        <td colSpan={6} className="px-3 pt-1 pb-4">
          {open && <StreamDetails row={row} settings={settings} waiting={waiting} />}
        </td>
      </tr>
    </tbody>
  );
}
