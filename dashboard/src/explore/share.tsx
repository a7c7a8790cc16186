'use client';

import { useState } from 'react';
import { Button } from '@/ui/button';

const SHOWN_MS = 2_500;

/** Copies the link to what is shown. Where a page may not write to the clipboard, the link is shown to be copied. */
export function Share({ address }: { address(): string }) {
  const [copied, setCopied] = useState(false);
  const [link, setLink] = useState<string>();
  const share = async () => {
    const url = new URL(`/explore${address()}`, window.location.href).href;
    try {
      await navigator.clipboard.writeText(url);
      setCopied(true);
      setTimeout(() => setCopied(false), SHOWN_MS);
    } catch {
      setLink(url);
    }
  };
  return (
    <>
      <Button onClick={() => void share()}>{copied ? 'Copied' : 'Copy link'}</Button>
      <span role="status" className="sr-only">
        {copied ? 'The link is copied.' : ''}
      </span>
      {link && (
        <input
          readOnly
          aria-label="The link to this dashboard"
          value={link}
          onFocus={(event) => event.currentTarget.select()}
          className="min-h-8 w-48 rounded border border-control bg-card px-2"
        />
      )}
    </>
  );
}
