import { type ReactNode, useMemo, useRef, useState } from 'react';
import { Select } from '@/ui/fields';
import { bytes } from '@/ui/format';
import { CopyButton } from './copy-button';
import { wholeLines } from './json';
import { type Form, formsOf, type Payload, render } from './payload';

interface Props {
  /** Null where the record has none. */
  payload: Payload | null;
  /** Of all of it, in bytes. */
  size: number;
  /** What to know of a payload that was cut, or of its failed element. */
  children?: ReactNode;
}

export function PayloadView({ payload, ...rest }: Props) {
  if (!payload) return <p className="text-muted">The record has no payload.</p>;
  return <Shown payload={payload} {...rest} />;
}

function Shown({ payload, size, children }: Props & { payload: Payload }) {
  const { element } = payload;
  const forms = useMemo(() => formsOf(payload), [payload]);
  const [chosen, choose] = useState<Form>();
  const form = chosen && forms.includes(chosen) ? chosen : (forms[0] as Form);
  const shown = useMemo(() => render(payload, form), [payload, form]);
  const place = useRef<HTMLPreElement>(null);
  const { text } = shown;
  const [start, end] = shown.element ? wholeLines(text, shown.element) : [text.length, text.length];
  return (
    <div>
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <h3 className="font-medium">Payload</h3>
        <span className="mr-auto text-muted">{bytes(size)}</span>
        <Select<Form> label="Shown as" hideLabel value={form} options={forms} onChange={choose} />
        <CopyButton text={text} shownIn={place} />
      </div>
      {children}
      {element !== null && (
        <p className="mb-2 text-muted">
          Element {element} of the array failed (counted from 0)
          {shown.element ? '; it is marked. ' : '. '}A record is stored as a whole or not at all.
        </p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keyboard */}
      <pre ref={place} tabIndex={0} className="max-h-96 overflow-auto rounded border border-line bg-page p-3">
        {text.slice(0, start)}
        {start < end && (
          <mark className="block w-fit min-w-full bg-raised text-ink outline outline-bad">
            {text.slice(start, end)}
          </mark>
        )}
        {text.slice(end)}
      </pre>
    </div>
  );
}
