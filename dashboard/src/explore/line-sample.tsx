import type { DrawnLine } from '@/charts/model';

/** How a line looks, beside its name. */
export function LineSample({ look }: Pick<DrawnLine, 'look'>) {
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
