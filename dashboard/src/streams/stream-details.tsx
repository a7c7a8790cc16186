import Link from 'next/link';
import { useMay } from '@/api/auth';
import type { SettingsFragment } from '@/api/generated/graphql';
import { count, short } from '@/ui/format';
import { Loading } from '@/ui/states';
import { Partitions } from './partitions';
import type { Row } from './rows';
import { settingsInWords } from './words';

const RECORDS = 'records';
const LETTERS = 'dead-letters';
const LINKS = [
  [LETTERS, 'Dead letters of this stream'],
  [RECORDS, 'Its last records'],
] as const;

interface Props {
  row: Row;
  settings: SettingsFragment | undefined;
  waiting: number | undefined;
}

export function StreamDetails({ row, settings, waiting }: Props) {
  const { stream, rates, partitions } = row;
  const mayOperate = useMay('operate');
  const links = LINKS.filter(([page]) => page !== RECORDS || mayOperate);
  const perSecond = (rate: number | undefined) => (rate === undefined ? '' : ` (${short(rate)}/s)`);
  return (
    <div className="flex flex-col gap-4">
      {stream.paused && (
        <p>
          <span aria-hidden="true" className="text-bad">
            ■
          </span>{' '}
          Paused: {stream.pausedWhy ?? 'too many of its records failed'}
        </p>
      )}
      <div className="grid gap-4 md:grid-cols-2">
        <Pairs
          title="Since the node started"
          pairs={[
            ['Records read', `${count(stream.records)}${perSecond(rates?.records)}`],
            ['Points stored', `${count(stream.stored)}${perSecond(rates?.stored)}`],
            ['Replaced', count(stream.replaced)],
            ['Superseded', count(stream.lost)],
            ['Dead letters', `${count(stream.deadLetters)}${perSecond(rates?.deadLetters)}`],
          ]}
        >
          <ul className="flex flex-wrap gap-x-4">
            {links.map(([page, title]) => (
              <li key={page}>
                <Link
                  href={`/${page}?stream=${encodeURIComponent(stream.name)}`}
                  className="text-accent underline underline-offset-2"
                >
                  {title}
                </Link>
                {page === LETTERS && waiting !== undefined && (
                  <span className="text-muted"> {waiting === 0 ? 'none waiting' : `${count(waiting)} waiting`}</span>
                )}
              </li>
            ))}
          </ul>
        </Pairs>
        {settings ? (
          <Pairs title="Settings" pairs={settingsInWords(settings)} />
        ) : (
          <Loading label="Loading settings" className="h-56" />
        )}
      </div>
      <Partitions stream={stream.name} partitions={partitions} />
    </div>
  );
}

interface PairsProps {
  title: string;
  pairs: readonly (readonly [string, string])[];
  children?: React.ReactNode;
}

function Pairs({ title, pairs, children }: PairsProps) {
  return (
    <div className="min-w-0">
      <h3 className="mb-1 font-medium">{title}</h3>
      <dl className="mb-1 grid grid-cols-2 gap-x-3 gap-y-0.5">
        {pairs.map(([name, text]) => (
          <div key={name} className="contents">
            <dt className="text-muted">{name}</dt>
            <dd className="wrap-anywhere min-w-0 tabular-nums">{text}</dd>
          </div>
        ))}
      </dl>
      {children}
    </div>
  );
}
