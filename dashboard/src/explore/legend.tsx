'use client';

import { useEffect, useRef } from 'react';
import { useStore } from '@/api/store';
import type { DrawnLine } from '@/charts/model';
import { value as text } from '@/ui/format';
import type { PanelController } from './panel-controller';
import { valueAt } from './value-at';

const NEWEST_EVERY_MS = 1_000;

/** The lines and their values: where the pointer is, else the newest. */
export function Legend({ controller }: { controller: PanelController }) {
  const lines = useStore(controller.lines);
  const hidden = useStore(controller.hidden);
  const cells = useRef(new Map<string, HTMLElement>());

  // Not through React: twenty panels follow one pointer.
  useEffect(() => {
    const show = () => {
      if (!controller.isSeen) return;
      const time = controller.cursor.get();
      for (const { key, line, joins } of lines) {
        const cell = cells.current.get(key);
        if (!cell) continue;
        const shown =
          time === undefined ? valueAt(line, line.newest) : valueAt(line, time, joins.longest(line, controller.step));
        const written = shown === undefined ? '–' : text(shown);
        if (cell.textContent !== written) cell.textContent = written;
      }
    };
    show();
    const unwatch = controller.cursor.subscribe(show);
    const timer = setInterval(show, NEWEST_EVERY_MS);
    return () => {
      unwatch();
      clearInterval(timer);
    };
  }, [controller, lines]);

  return (
    <ul
      className="mt-2 flex max-h-28 [contain:layout_style_paint] flex-wrap gap-x-4 overflow-y-auto text-xs"
      aria-label="Lines"
    >
      {lines.map(({ key, look }) => (
        <li key={key} className="flex min-w-0 items-center gap-1.5">
          <button
            type="button"
            aria-pressed={!hidden.has(key)}
            title={`Show or hide ${key}`}
            onClick={() => controller.toggle(key)}
            className="flex min-h-6 min-w-0 items-center gap-1.5 rounded text-left hover:bg-raised aria-[pressed=false]:text-muted aria-[pressed=false]:line-through"
          >
            <Sample look={look} />
            <span className="truncate">{key}</span>
          </button>
          <span
            ref={(cell) => {
              if (cell) cells.current.set(key, cell);
              else cells.current.delete(key);
            }}
            className="font-mono tabular-nums"
          />
        </li>
      ))}
    </ul>
  );
}

function Sample({ look }: Pick<DrawnLine, 'look'>) {
  return (
    <svg viewBox="0 0 22 8" className="h-2 w-[22px] shrink-0" aria-hidden="true">
      <line
        x1="1"
        x2="21"
        y1="4"
        y2="4"
        strokeWidth="2.5"
        strokeDasharray={look.dash.join(' ')}
        className={look.stroke}
      />
    </svg>
  );
}
