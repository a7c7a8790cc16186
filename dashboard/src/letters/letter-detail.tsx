import { useMemo } from 'react';
import { Fact, HeaderFacts, KeyFact } from '@/kafka/facts';
import type { Payload } from '@/kafka/payload';
import { PayloadView } from '@/kafka/payload-view';
import { explain } from '@/kafka/reasons';
import { Button } from '@/ui/button';
import { count, time } from '@/ui/format';
import { WithCode } from '@/ui/with-code';
import { useDecoded } from './use-decoded';
import type { ListedLetter } from './use-letters';

interface Props {
  letter: ListedLetter;
  onRedrive: (() => void) | null;
}

function usePayload(letter: ListedLetter): Payload | null {
  const decoded = useDecoded(letter);
  const { payloadBase64, payloadTruncated, element = null } = letter;
  return useMemo(
    () => (payloadBase64 == null ? null : { base64: payloadBase64, truncated: payloadTruncated, element, decoded }),
    [payloadBase64, payloadTruncated, element, decoded],
  );
}

export function LetterDetail({ letter, onRedrive }: Props) {
  const payload = usePayload(letter);
  const { meaning, remedy } = explain(letter.reason);
  return (
    <div className="grid gap-4 lg:grid-cols-[minmax(0,2fr)_minmax(0,3fr)]">
      <div className="min-w-0">
        <p>{meaning}</p>
        <p className="my-2 break-words rounded border-bad border-l-4 bg-raised px-3 py-2">{letter.detail}</p>
        {remedy && onRedrive && (
          <p className="text-muted">
            <WithCode text={remedy} />
          </p>
        )}
        {onRedrive && (
          <Button onClick={onRedrive} className="mt-3">
            Redrive this letter
          </Button>
        )}
        <h3 className="mt-4 mb-1 font-medium">Origin</h3>
        <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
          <Fact name="Letter">{letter.id}</Fact>
          <Fact name="Stream">{letter.stream}</Fact>
          <Fact name="Topic">{letter.topic}</Fact>
          <Fact name="Partition">{letter.partition}</Fact>
          <Fact name="Offset">{count(letter.offset)}</Fact>
          <Fact name="Record's time">{time(letter.timestamp)}</Fact>
          <KeyFact value={letter.key} />
          <Fact name="Attempts">{letter.attempts}</Fact>
          <Fact name="Failed last">{time(letter.lastFailedAt)}</Fact>
          {letter.resolvedAt && <Fact name="Resolved">{time(letter.resolvedAt)}</Fact>}
          {letter.element != null && <Fact name="Element">{letter.element}</Fact>}
          <HeaderFacts headers={letter.headers} />
        </dl>
      </div>
      <div className="min-w-0">
        <PayloadView payload={payload} size={letter.payloadSize}>
          {letter.payloadTruncated && (
            <p className="mb-2 text-warn">
              ▲ Not all of it was kept. The letter cannot be redriven: its producer has to send it again.
            </p>
          )}
        </PayloadView>
      </div>
    </div>
  );
}
