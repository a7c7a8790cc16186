import { useState } from 'react';
import type { SettingsFragment } from '@/api/generated/graphql';
import type { Row } from './rows';
import { StreamRow } from './stream-row';

interface Props {
  rows: readonly Row[];
  settings(name: string): SettingsFragment | undefined;
  /** Dead letters. */
  waiting(name: string): number | undefined;
  /** Whether all are open at first. */
  openAll: boolean;
}

const WIDE = 'hidden py-2 pr-3 text-right font-normal sm:table-cell';

export function StreamTable({ rows, settings, waiting, openAll }: Props) {
  /** Those that are not as `openAll` says. */
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set());
  const turn = (name: string) =>
    setTurned((before) => {
      const after = new Set(before);
      if (!after.delete(name)) after.add(name);
      return after;
    });
  return (
    <section className="rounded-lg border border-line bg-card">
      <h2 className="sr-only">What each does</h2>
      <table className="w-full">
        <caption className="sr-only">Streams, with what this node did for them since it started</caption>
        <thead className="text-left text-muted text-xs">
          <tr>
            <th className="py-2 pl-3 font-normal">Stream</th>
            <th className="py-2 pr-3 pl-3 font-normal">State</th>
            <th className={WIDE}>Records/s</th>
            <th className={WIDE}>Points/s</th>
            <th className="py-2 pr-3 text-right font-normal">Lag</th>
            <th className={WIDE}>Dead letters waiting</th>
          </tr>
        </thead>
        {rows.map((row) => {
          const { name } = row.stream;
          return (
            <StreamRow
              key={name}
              row={row}
              settings={settings(name)}
              waiting={waiting(name)}
              open={openAll !== turned.has(name)}
              onTurn={() => turn(name)}
            />
          );
        })}
      </table>
    </section>
  );
}
