'use client';

import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useStore } from '@/api/store';
import { count, time } from '@/ui/format';
import type { PanelController } from './panel-controller';
import { tableRows } from './table-rows';

const ROW = 28;
const REFRESH_MS = 2_000;

/** The points of the chart as rows: the same data for who reads rather than looks. */
export function PointsTable({ controller }: { controller: PanelController }) {
  const [newestFirst, setNewestFirst] = useState(true);
  const lines = useStore(controller.lines);
  const version = useVersion(controller);
  // biome-ignore lint/correctness/useExhaustiveDependencies: points come without their line becoming another
  const rows = useMemo(() => tableRows(lines, controller.shown, newestFirst), [lines, newestFirst, version]);
  const scroller = useRef<HTMLElement>(null);
  const shown = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 10,
  });
  const hasBand = lines.some(({ line }) => line.hasBand);
  const items = shown.getVirtualItems();
  const above = items[0]?.start ?? 0;
  const below = shown.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <div className="mt-3 border-line border-t pt-2">
      <p className="mb-1 text-muted text-xs">{count(rows.length)} points</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keys */}
      <section ref={scroller} tabIndex={0} aria-label="The points shown" className="max-h-80 overflow-auto">
        <table aria-rowcount={rows.length + 1} className="w-full text-left text-xs">
          <thead className="sticky top-0 bg-card">
            <tr className="h-7">
              <th scope="col" aria-sort={newestFirst ? 'descending' : 'ascending'} className="pr-4">
                <button type="button" className="underline" onClick={() => setNewestFirst(!newestFirst)}>
                  Time {newestFirst ? '↓' : '↑'}
                </button>
              </th>
              <th scope="col">Series</th>
              <th scope="col">Value</th>
              {hasBand && <th scope="col">Min</th>}
              {hasBand && <th scope="col">Max</th>}
            </tr>
          </thead>
          <tbody>
            <Spacer height={above} />
            {items.map(({ index }) => {
              const { key, line } = rows.lineOf(index);
              const place = rows.placeOf(index);
              return (
                <tr
                  key={index}
                  aria-rowindex={index + 2}
                  className="h-7 whitespace-nowrap border-line border-t font-mono"
                >
                  <td className="pr-4">{time(line.times[place] as number)}</td>
                  <td className="pr-4">{key}</td>
                  <td className="pr-4">{told(line.values[place])}</td>
                  {hasBand && <td className="pr-4">{told(line.lows[place])}</td>}
                  {hasBand && <td>{told(line.highs[place])}</td>}
                </tr>
              );
            })}
            <Spacer height={below} />
          </tbody>
        </table>
      </section>
    </div>
  );
}

const told = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? '–' : String(value));

/** In place of the rows that are out of sight. */
const Spacer = ({ height }: { height: number }) => height > 0 && <tr style={{ height }} />;

/** Another number once there are other points, but not with each of them. */
function useVersion(controller: PanelController): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const current = () => controller.lines.get().reduce((sum, { line }) => sum + line.version, 0);
    const timer = setInterval(() => setVersion(current()), REFRESH_MS);
    return () => clearInterval(timer);
  }, [controller]);
  return version;
}
