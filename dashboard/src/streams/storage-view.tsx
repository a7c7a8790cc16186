import { bytes, count, time } from '@/ui/format';
import { type Storage, storageSentences } from './storage-words';
import { levelTitle } from './words';

const day = (moment: string | null | undefined): string => (moment == null ? '–' : time(moment).slice(0, 16));

export function StorageView({ storage }: { storage: Storage }) {
  return (
    <div className="flex flex-col gap-4">
      <Levels levels={storage.levels} />
      <ul className="flex flex-col gap-1">
        {storageSentences(storage).map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
      {storage.horizons.length > 0 && <Horizons horizons={storage.horizons} />}
    </div>
  );
}

const WIDE = 'hidden py-1 pl-3 text-right tabular-nums sm:table-cell';

function Levels({ levels }: Pick<Storage, 'levels'>) {
  return (
    <table className="w-full">
      <caption className="sr-only">Tables of points and of rollups</caption>
      <thead className="text-left text-muted text-xs">
        <tr>
          <th className="py-1 font-normal">What</th>
          <th className="py-1 pl-3 text-right font-normal">Size</th>
          <th className="py-1 pl-3 text-right font-normal">Partitions</th>
          <th className={`${WIDE} font-normal`}>From</th>
          <th className={`${WIDE} font-normal`}>Created until</th>
        </tr>
      </thead>
      <tbody>
        {levels.map(({ level, bytes: size, partitions, oldest, madeAheadUntil }) => (
          <tr key={level} className="border-line border-t">
            <th scope="row" className="py-1 text-left font-normal">
              {levelTitle(level)}
            </th>
            <td className="whitespace-nowrap py-1 pl-3 text-right tabular-nums">{bytes(size)}</td>
            <td className="py-1 pl-3 text-right tabular-nums">{count(partitions)}</td>
            <td className={WIDE}>{day(oldest)}</td>
            <td className={WIDE}>
              {madeAheadUntil == null ? <span className="text-bad">■ missing now</span> : day(madeAheadUntil)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Horizons({ horizons }: Pick<Storage, 'horizons'>) {
  return (
    <table className="w-full">
      <caption className="mb-1 text-left font-medium">
        Given up by retention <span className="font-normal text-muted">what is not listed has lost nothing</span>
      </caption>
      <thead className="text-left text-muted text-xs">
        <tr>
          <th className="py-1 font-normal">Stream</th>
          <th className="py-1 pl-3 font-normal">What</th>
          <th className="py-1 pl-3 text-right font-normal">Before</th>
        </tr>
      </thead>
      <tbody>
        {horizons.map(({ stream, level, floor }) => (
          <tr key={`${stream}/${level}`} className="border-line border-t">
            <th scope="row" className="wrap-anywhere py-1 text-left font-normal">
              {stream}
            </th>
            <td className="py-1 pl-3">{levelTitle(level)}</td>
            <td className="whitespace-nowrap py-1 pl-3 text-right tabular-nums">{day(floor)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
