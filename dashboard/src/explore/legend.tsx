'use client';

import { useEffect, useMemo, useRef } from 'react';
import { useStore } from '@/api/store';
import { clock } from '@/ui/format';
import { inUnit } from '@/ui/units';
import { LineSample } from './line-sample';
import type { PanelController } from './panel-controller';
import { lineNames } from './series-key';
import { type Statistics, statisticsOf } from './statistics';
import { valueAt } from './value-at';
import { windowOf } from './view';

const AGAIN_MS = 1_000;
const COLUMNS = ['last', 'min', 'max', 'avg'] as const satisfies readonly (keyof Statistics)[];
const TITLES = { last: 'Last', min: 'Min', max: 'Max', avg: 'Avg' };
const CELL = 'whitespace-nowrap py-0 pl-3 text-right';
/** Where there is little room, the values stand below the name. */
const ROW = 'h-6 @max-sm:grid @max-sm:h-auto @max-sm:auto-rows-[1.25rem] @max-sm:grid-cols-4';

/** The lines with their statistics; in place of the last value that under the pointer, on this chart or another. */
export function Legend({ controller }: { controller: PanelController }) {
  const lines = useStore(controller.lines);
  const hidden = useStore(controller.hidden);
  const unit = useStore(controller.unit);
  const names = useMemo(() => lineNames(lines.map(({ key }) => key)), [lines]);
  const table = useRef<HTMLTableElement>(null);

  // Not through React: twenty panels follow one pointer.
  useEffect(() => {
    const write = (row: number, column: number, text: string) => {
      const cell = table.current?.rows[row]?.cells[column + 1];
      if (cell && cell.textContent !== text) cell.textContent = text;
    };
    const told = (value: number | undefined) => (value === undefined ? '–' : inUnit(value, unit));
    let statistics: (Statistics | undefined)[] = [];
    const point = () => {
      if (!controller.isSeen) return;
      const time = controller.cursor.get();
      write(0, 0, time === undefined ? TITLES.last : clock(time));
      lines.forEach(({ line, joins }, at) => {
        const longest = joins.longest(line, controller.step);
        write(at + 1, 0, told(time === undefined ? statistics[at]?.last : valueAt(line, time, longest)));
      });
    };
    const showAll = () => {
      if (!controller.isSeen) return;
      const window = windowOf(controller.views.current.get(), Date.now());
      statistics = lines.map(({ line }) => statisticsOf(line, window));
      statistics.forEach((its, at) => {
        for (const [place, column] of COLUMNS.entries()) if (place > 0) write(at + 1, place, told(its?.[column]));
      });
      point();
    };
    showAll();
    const unwatch = controller.cursor.subscribe(point);
    const timer = setInterval(showAll, AGAIN_MS);
    return () => {
      clearInterval(timer);
      unwatch();
    };
  }, [controller, lines, unit]);

  if (lines.length === 0) return null;
  return (
    <div className="@container mt-1 [contain:layout_style_paint]">
      {/* The header and whole rows. */}
      <div className="max-h-36 overflow-y-auto @max-sm:max-h-35">
        <table ref={table} aria-label="Lines" className="w-full text-xs tabular-nums">
          <thead className="sticky top-0 bg-card text-muted">
            <tr className={ROW}>
              <th scope="col" className="text-left font-normal @max-sm:absolute">
                <span className="sr-only">Line</span>
              </th>
              {COLUMNS.map((column) => (
                <th key={column} scope="col" className={`${CELL} font-normal`}>
                  {TITLES[column]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {lines.map(({ key, look }, at) => (
              <tr key={key} className={ROW}>
                <th
                  scope="row"
                  className="w-full max-w-0 p-0 text-left font-normal @max-sm:col-span-4 @max-sm:max-w-full"
                >
                  <button
                    type="button"
                    aria-pressed={!hidden.has(key)}
                    title={`Show or hide ${key}`}
                    onClick={() => controller.toggle(key)}
                    className="flex h-6 max-w-full items-center gap-1.5 rounded text-left hover:bg-raised aria-[pressed=false]:text-muted aria-[pressed=false]:line-through"
                  >
                    <LineSample look={look} />
                    <span className="truncate">{names[at]}</span>
                  </button>
                </th>
                {COLUMNS.map((column) => (
                  <td key={column} className={CELL} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
