import type { WriterNowFragment } from '@/api/generated/graphql';
import { count, short, time } from '@/ui/format';
import { keyOf, type WriterRates } from './writer-rates';

interface Props {
  writers: readonly WriterNowFragment[];
  rates(key: string): WriterRates | undefined;
}

/** Who writes over HTTP. Nothing where nobody does. */
export function Writers({ writers, rates }: Props) {
  if (writers.length === 0) return null;
  return (
    <section className="rounded-lg border border-line bg-card p-3">
      <h2 className="mb-2 font-medium">Writers over HTTP</h2>
      <table className="w-full">
        <caption className="sr-only">Who has written to this node since it started, the last ones first</caption>
        <thead className="text-left text-muted text-xs">
          <tr>
            <th className="py-1 font-normal">Writer</th>
            <th className="py-1 pl-3 font-normal">Stream</th>
            <th className="hidden py-1 pl-3 font-normal sm:table-cell">Path</th>
            <th className="py-1 pl-3 text-right font-normal">Points/s</th>
            <th className="hidden py-1 pl-3 text-right font-normal sm:table-cell">Refused points</th>
            <th className="hidden py-1 pl-3 text-right font-normal sm:table-cell">Failed requests</th>
            <th className="py-1 pl-3 text-right font-normal">Last seen</th>
          </tr>
        </thead>
        <tbody>
          {writers.map((writer) => (
            <tr key={keyOf(writer)} className="border-line border-t">
              <th scope="row" className="wrap-anywhere py-1 text-left font-normal">
                {writer.principal}
              </th>
              <td className="wrap-anywhere py-1 pl-3">{writer.stream}</td>
              <td className="hidden py-1 pl-3 sm:table-cell">
                <code>{writer.path}</code>
              </td>
              <td className="py-1 pl-3 text-right tabular-nums">{short(rates(keyOf(writer))?.points ?? 0)}</td>
              <td className="hidden py-1 pl-3 text-right tabular-nums sm:table-cell">{count(writer.refused)}</td>
              <td className="hidden py-1 pl-3 text-right tabular-nums sm:table-cell">{count(writer.failed)}</td>
              <td className="py-1 pl-3 text-right text-muted tabular-nums">{time(writer.lastSeen).slice(0, 19)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
