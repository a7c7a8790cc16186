import type { KeptQuery } from '@/api/generated/graphql';
import { count, time } from '@/ui/format';
import { offsetsLost } from './words';

type Gap = NonNullable<KeptQuery['pipeline']['gaps']>[number];

export function Gaps({ gaps }: { gaps: readonly Gap[] }) {
  if (gaps.length === 0) {
    return <p className="text-muted">No offsets lost.</p>;
  }
  return (
    <table className="w-full">
      <caption className="mb-2 text-left text-muted">
        Kafka had deleted these offsets before they were read. The newest hundred at most.
      </caption>
      <thead className="text-left text-muted text-xs">
        <tr>
          <th className="py-1 font-normal">Partition</th>
          <th className="py-1 pl-3 text-right font-normal">Lost</th>
          <th className="hidden py-1 pl-3 text-right font-normal sm:table-cell">From offset</th>
          <th className="hidden py-1 pl-3 text-right font-normal sm:table-cell">To before</th>
          <th className="py-1 pl-3 text-right font-normal">Noticed</th>
        </tr>
      </thead>
      <tbody>
        {gaps.map((gap) => (
          <tr key={`${gap.topic}/${gap.partition}/${gap.epoch}/${gap.fromOffset}`} className="border-line border-t">
            <th scope="row" className="wrap-anywhere py-1 text-left font-normal">
              <code>
                {gap.topic}/{gap.partition}
              </code>
              {gap.epoch > 0 && <span className="text-muted"> epoch {gap.epoch}</span>}
            </th>
            <td className="py-1 pl-3 text-right tabular-nums">{count(offsetsLost(gap))}</td>
            <td className="hidden py-1 pl-3 text-right tabular-nums sm:table-cell">{count(gap.fromOffset)}</td>
            <td className="hidden py-1 pl-3 text-right tabular-nums sm:table-cell">{count(gap.toOffset)}</td>
            <td className="py-1 pl-3 text-right text-muted tabular-nums">{time(gap.noticedAt).slice(0, 19)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
