'use client';

import { Button } from './button';
import { useClipboard } from './clipboard';

const OUTCOMES = { copied: 'Copied', refused: 'Select the text and copy it by hand' };

/** A command or a document to paste elsewhere. */
export function Copyable({ title, text }: { title: string; text: string }) {
  const { outcome, copy } = useClipboard();
  return (
    <figure className="min-w-0 rounded border border-line">
      <figcaption className="flex flex-wrap items-center gap-2 border-line border-b px-2 py-1">
        <span className="mr-auto font-medium">{title}</span>
        <span role="status" className="text-muted text-xs">
          {outcome && OUTCOMES[outcome]}
        </span>
        <Button onClick={() => void copy(text)} aria-label={`Copy: ${title}`}>
          Copy
        </Button>
      </figcaption>
      <pre className="whitespace-pre-wrap break-words p-2 text-left">
        <code>{text}</code>
      </pre>
    </figure>
  );
}
