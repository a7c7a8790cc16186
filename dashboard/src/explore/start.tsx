'use client';

import { useApi } from '@/api/query';
import { Button } from '@/ui/button';
import { count } from '@/ui/format';
import { Empty, Loading, Trouble } from '@/ui/states';
import { DEMO_BOARD, isDemo } from './demo-board';
import { Metrics } from './search-documents';
import type { Selector } from './selector';

const SHOWN = 12;
const LOOKED_AT = 1_000;

interface Props {
  onChoose(selector: Selector): void;
  onOpen(address: string): void;
}

/** Before anything is chosen: what there is. */
export function Start({ onChoose, onOpen }: Props) {
  const { data, error, refetch } = useApi(Metrics, { search: '', first: LOOKED_AT });
  if (error) return <Trouble error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading label="The metrics are loading" className="h-64" />;
  if (data.metrics.length === 0) {
    return (
      <Empty title="There is nothing to show yet">Metrics appear here as soon as the first points are stored.</Empty>
    );
  }
  const largest = data.metrics.toSorted((a, b) => b.series - a.series).slice(0, SHOWN);
  return (
    <Empty title="Choose what to look at">
      {isDemo(data.metrics) && (
        <Button look="primary" className="mb-3" onClick={() => onOpen(DEMO_BOARD)}>
          Open the board of the demo
        </Button>
      )}
      <p className="mb-3">The metrics with the most series; all others are found with “Add panel”.</p>
      <ul className="flex flex-wrap justify-center gap-2">
        {largest.map(({ name, series }) => (
          <li key={name}>
            <Button onClick={() => onChoose({ metric: name, matchers: [] })}>
              {name} <span className="text-muted">{count(series)}</span>
            </Button>
          </li>
        ))}
      </ul>
    </Empty>
  );
}
