import Link from 'next/link';
import { HeaderFacts, KeyFact } from '@/kafka/facts';
import type { Payload } from '@/kafka/payload';
import { PayloadView } from '@/kafka/payload-view';
import { explain } from '@/kafka/reasons';
import { time } from '@/ui/format';
import { WithCode } from '@/ui/with-code';
import type { StreamRecord } from './documents';
import { ruleOf } from './outcome';

interface Props {
  stream: string;
  record: StreamRecord;
  payload: Payload | null;
}

export function RecordDetail({ stream, record, payload }: Props) {
  return (
    <div className="grid gap-4 md:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <div className="min-w-0">
        <dl className="mb-3 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
          <KeyFact value={record.key} />
          <HeaderFacts headers={record.headers} />
        </dl>
        <PayloadView payload={payload} size={record.payloadSize}>
          {payload?.truncated && <p className="mb-2 text-muted">Only its first 16 KiB are shown.</p>}
        </PayloadView>
      </div>
      <div className="min-w-0">
        <h3 className="mb-1 font-medium">What becomes of it</h3>
        <Fate stream={stream} record={record} />
      </div>
    </div>
  );
}

function Fate({ stream, record }: Pick<Props, 'stream' | 'record'>) {
  const { points, deadLetter } = record;
  if (deadLetter) return <Refused stream={stream} deadLetter={deadLetter} />;
  if (points.length > 0) return <Points points={points} />;
  return (
    <p>
      Nothing is stored: <WithCode text={ruleOf(record)} />.
    </p>
  );
}

function Refused({ stream, deadLetter }: { stream: string; deadLetter: NonNullable<StreamRecord['deadLetter']> }) {
  const { title, meaning } = explain(deadLetter.reason);
  const search = new URLSearchParams({ stream, reason: deadLetter.reason });
  return (
    <>
      <p>
        <span className="font-medium">{title}.</span> {meaning}
      </p>
      <p className="my-2 break-words rounded border-bad border-l-4 bg-raised px-3 py-2">{deadLetter.detail}</p>
      <Link href={`/dead-letters?${search}`} className="text-accent underline underline-offset-2">
        Dead letters of this stream and reason
      </Link>
    </>
  );
}

function Points({ points }: Pick<StreamRecord, 'points'>) {
  return (
    <table className="w-full">
      <caption className="sr-only">Points of the record</caption>
      <thead className="text-left text-muted text-xs">
        <tr>
          <th className="py-1 font-normal">Series and time</th>
          <th className="py-1 pl-3 text-right font-normal">Value</th>
        </tr>
      </thead>
      <tbody>
        {points.map(({ key, ts, value }) => (
          <tr key={`${key} ${ts}`} className="border-line border-t align-top">
            <th scope="row" className="wrap-anywhere py-1 text-left font-normal">
              <code>{key}</code>
              <span className="block text-muted text-xs tabular-nums">{time(ts)}</span>
            </th>
            <td className="whitespace-nowrap py-1 pl-3 text-right tabular-nums">{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
