'use client';

import { useState } from 'react';
import { Button } from './button';

const SHOWN_MS = 2_000;

/** A command or a document to paste elsewhere. */
export function Copyable({ title, text }: { title: string; text: string }) {
  const [outcome, setOutcome] = useState('');
  const copy = async () => {
    // Browsers give the clipboard to secure origins only.
    const done = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    setOutcome(done ? 'Copied' : 'Select the text and copy it by hand');
    setTimeout(() => setOutcome(''), SHOWN_MS);
  };
  return (
    <figure className="min-w-0 rounded border border-line">
      <figcaption className="flex flex-wrap items-center gap-2 border-line border-b px-2 py-1">
        <span className="mr-auto font-medium">{title}</span>
        <span role="status" className="text-muted text-xs">
          {outcome}
        </span>
        <Button onClick={copy} aria-label={`Copy: ${title}`}>
          Copy
        </Button>
      </figcaption>
      <pre className="whitespace-pre-wrap break-words p-2 text-left">
        <code>{text}</code>
      </pre>
    </figure>
  );
}
