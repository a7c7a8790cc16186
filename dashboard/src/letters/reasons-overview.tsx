import { explain } from '@/kafka/reasons';
import { Card } from '@/ui/card';
import { count, time } from '@/ui/format';
import type { ReasonCount } from './documents';
import { type Filter, matches } from './filter';

interface Props {
  counts: readonly ReasonCount[];
  filter: Filter;
  onChoose(filter: Filter): void;
}

/** What waits, by stream, topic and reason. Each line filters the list below, or no longer does. */
export function ReasonsOverview({ counts, filter, onChoose }: Props) {
  if (counts.length === 0) return null;
  return (
    <Card title="Why records were refused" className="mb-4">
      <ul className="divide-y divide-line">
        {counts.map((one) => {
          const { stream, topic, reason } = one;
          const isChosen = filter.reason === reason && matches(filter, one);
          const cleared = { ...filter, stream: null, topic: null, reason: null };
          return (
            <li key={JSON.stringify([stream, topic, reason])}>
              <button
                type="button"
                aria-pressed={isChosen}
                onClick={() => onChoose(isChosen ? cleared : { ...filter, stream, topic, reason })}
                className="grid w-full grid-cols-[4rem_1fr] gap-x-3 gap-y-0.5 rounded px-2 py-1.5 text-left hover:bg-raised aria-pressed:bg-raised md:grid-cols-[5rem_20rem_1fr_auto]"
              >
                <span className="text-right font-semibold tabular-nums">{count(one.count)}</span>
                <span className="font-medium">
                  {isChosen && <span aria-hidden="true">✓ </span>}
                  {explain(reason).title} <code className="font-normal text-muted">{reason}</code>
                </span>
                <span className="col-start-2 break-all md:col-start-auto">
                  {stream} <span className="text-muted">from {topic}</span>
                </span>
                <span className="col-start-2 text-muted tabular-nums md:col-start-auto">newest {time(one.newest)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
