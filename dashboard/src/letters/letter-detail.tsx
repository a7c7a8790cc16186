import type { ReactNode } from 'react';
import { Button } from '@/ui/button';
import { count, time } from '@/ui/format';
import type { Letter } from './documents';
import { PayloadView } from './payload-view';
import { explain } from './reasons';

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  );
}

/** Every second part between backticks is code. */
function WithCode({ text }: { text: string }) {
  // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a constant
  return text.split('`').map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part));
}

interface Props {
  letter: Letter;
  onRedrive: (() => void) | null;
}

export function LetterDetail({ letter, onRedrive }: Props) {
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
          <Fact name="Key">
            {letter.key == null ? <span className="text-muted">none</span> : <code>{letter.key}</code>}
          </Fact>
          <Fact name="Attempts">{letter.attempts}</Fact>
          <Fact name="Failed last">{time(letter.lastFailedAt)}</Fact>
          {letter.resolvedAt && <Fact name="Resolved">{time(letter.resolvedAt)}</Fact>}
          {letter.element != null && <Fact name="Element">{letter.element}</Fact>}
          {letter.headers.map(({ name, value }, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a name may come twice, and their order never changes
            <Fact key={at} name={`Header ${name}`}>
              <code>{value}</code>
            </Fact>
          ))}
        </dl>
      </div>
      <div className="min-w-0">
        <PayloadView letter={letter} />
      </div>
    </div>
  );
}
