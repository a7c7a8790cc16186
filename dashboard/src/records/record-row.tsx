import { useId, useMemo, useState } from 'react';
import { lineOf, type Payload } from '@/kafka/payload';
import { count, time } from '@/ui/format';
import { Pill } from '@/ui/pill';
import { WithCode } from '@/ui/with-code';
import type { StreamRecord } from './documents';
import { inWords, outcomeOf, TONES } from './outcome';
import { RecordDetail } from './record-detail';

interface Props {
  stream: string;
  record: StreamRecord;
}

/** A record at the left, what becomes of it at the right. */
export function RecordRow({ stream, record }: Props) {
  const [open, setOpen] = useState(false);
  const detail = useId();
  const payload = useMemo(() => payloadOf(record), [record]);
  const line = useMemo(() => payload && lineOf(payload), [payload]);
  const { title, sentence } = inWords(record);
  const outcome = outcomeOf(record);
  return (
    <li
      data-record={`${record.partition}/${record.offset}`}
      data-outcome={outcome}
      className="border-line border-b last:border-b-0"
    >
      <button
        type="button"
        aria-expanded={open}
        aria-controls={detail}
        onClick={() => setOpen(!open)}
        className="grid w-full grid-cols-[minmax(0,1fr)] gap-x-4 gap-y-1 px-3 py-2 text-left hover:bg-raised md:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]"
      >
        <span className="min-w-0">
          <span className="flex flex-wrap gap-x-3 text-muted tabular-nums">
            <span>
              Partition {record.partition} · offset {count(record.offset)}
            </span>
            <span>{time(record.timestamp)}</span>
          </span>
          {record.key != null && (
            <span className="block truncate">
              <span className="text-muted">Key </span>
              <code>{record.key}</code>
            </span>
          )}
          {line === null ? (
            <span className="block text-muted">No payload</span>
          ) : (
            <code className="block truncate">{line || <span className="text-muted">An empty payload</span>}</code>
          )}
        </span>
        <span className="flex min-w-0 flex-col items-start gap-1">
          <Pill tone={TONES[outcome]}>{title}</Pill>
          <span className="block w-full truncate">
            {outcome === 'skipped' ? <WithCode text={sentence} /> : sentence}
          </span>
        </span>
      </button>
      <div id={detail} hidden={!open} className="border-line border-t p-3 sm:p-4">
        {open && <RecordDetail stream={stream} record={record} payload={payload} />}
      </div>
    </li>
  );
}

function payloadOf(record: StreamRecord): Payload | null {
  const { payloadBase64, payloadSize, decoded, transformed, deadLetter } = record;
  if (payloadBase64 == null) return null;
  const kept = (payloadBase64.length / 4) * 3 - (payloadBase64.match(/=*$/)?.[0].length ?? 0);
  const element = deadLetter?.element ?? null;
  return { base64: payloadBase64, truncated: kept < payloadSize, element, decoded, transformed };
}
