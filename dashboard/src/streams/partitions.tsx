import { useState } from 'react';
import type { PartitionNowFragment } from '@/api/generated/graphql';
import { Button } from '@/ui/button';
import { count } from '@/ui/format';
import { sortedPartitions } from './rows';
import { troubleInWords } from './words';

/** So many are shown at first. */
const FEW = 12;

interface Props {
  stream: string;
  partitions: readonly PartitionNowFragment[];
}

/** Those that stand still or lag most first. */
export function Partitions({ stream, partitions }: Props) {
  const [all, setAll] = useState(false);
  if (partitions.length === 0) return <p className="text-muted">This node reads none of its partitions.</p>;
  const order = sortedPartitions(partitions);
  const shown = all ? order : order.slice(0, FEW);
  return (
    <div>
      <table className="w-full">
        <caption className="mb-1 text-left font-medium">
          Partitions <span className="sr-only">of {stream}</span>
          <span className="font-normal text-muted"> that this node reads: {count(partitions.length)}</span>
        </caption>
        <thead className="text-left text-muted text-xs">
          <tr>
            <th className="py-1 font-normal">Partition</th>
            <th className="hidden py-1 pl-3 text-right font-normal sm:table-cell">Next offset</th>
            <th className="hidden py-1 pl-3 text-right font-normal sm:table-cell">End offset</th>
            <th className="py-1 pl-3 text-right font-normal">Lag</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((partition) => (
            <PartitionRow key={`${partition.topic}/${partition.partition}`} of={partition} />
          ))}
        </tbody>
      </table>
      {partitions.length > FEW && (
        <Button look="bare" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? `Show the first ${FEW} alone` : `Show all ${count(partitions.length)}`}
        </Button>
      )}
    </div>
  );
}

function PartitionRow({ of: { topic, partition, nextOffset, endOffset, lag, trouble } }: { of: PartitionNowFragment }) {
  return (
    <tr className="border-line border-t">
      <th scope="row" className="wrap-anywhere py-1 text-left font-normal">
        <code>
          {topic}/{partition}
        </code>
        <span className="block text-muted text-xs tabular-nums sm:hidden">
          {count(nextOffset)} of {count(endOffset)}
        </span>
        {trouble && (
          <span className="block text-bad">
            <span aria-hidden="true">■</span> {troubleInWords(trouble)}
          </span>
        )}
      </th>
      <td className="hidden py-1 pl-3 text-right tabular-nums sm:table-cell">{count(nextOffset)}</td>
      <td className="hidden py-1 pl-3 text-right tabular-nums sm:table-cell">{count(endOffset)}</td>
      <td className="py-1 pl-3 text-right tabular-nums">{count(lag)}</td>
    </tr>
  );
}
