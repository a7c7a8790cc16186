'use client';

import { useStore } from '@/api/store';
import { time } from '@/ui/format';
import { inUnit } from '@/ui/units';
import { LineSample } from './line-sample';
import type { PanelController } from './panel-controller';
import { readingsAt } from './readings';
import { lineNames } from './series-key';

const SECOND = 1_000;

/** What is under the pointer: its time, and the values there, greatest first. The table has the same for who uses none. */
export function Tooltip({ controller }: { controller: PanelController }) {
  const pointer = useStore(controller.pointer);
  const lines = useStore(controller.lines);
  const unit = useStore(controller.unit);
  if (!pointer) return null;
  const readings = readingsAt(controller.drawn, pointer, controller.step);
  if (readings.length === 0) return null;
  const names = new Map(lineNames(lines.map(({ key }) => key)).map((name, at) => [lines[at]?.key, name]));
  const { from, to } = controller.shown;
  const right = controller.width - pointer.left;
  const side = pointer.left > right ? { right, maxWidth: pointer.left } : { left: pointer.left, maxWidth: right };
  const moment = time(Math.round(pointer.time));
  return (
    <div aria-hidden="true" data-tooltip style={side} className="pointer-events-none absolute top-2 z-20 px-3">
      <div className="max-w-80 rounded border border-line bg-card px-2 py-1.5 text-xs shadow-lg">
        <p className="mb-1 whitespace-nowrap font-medium tabular-nums">
          {to - from > 60 * SECOND ? moment.slice(0, 19) : moment}
        </p>
        <ul>
          {readings.map(({ drawn: { key, look }, value, isNearest }) => (
            <li key={key} className={`flex items-center gap-1.5 leading-4 ${isNearest ? 'font-semibold' : ''}`}>
              <LineSample look={look} />
              <span className="mr-auto truncate">{names.get(key)}</span>
              <span className="whitespace-nowrap pl-2 tabular-nums">{inUnit(value, unit)}</span>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
