'use client';

import { useState } from 'react';
import { Button } from '@/ui/button';
import { useClipboard } from '@/ui/clipboard';

/** Copies the link to what is shown. Where a page may not write to the clipboard, the link is shown to be copied. */
export function Share({ address }: { address(): string }) {
  const { outcome, copy } = useClipboard();
  const [link, setLink] = useState<string>();
  const share = async () => {
    const url = new URL(`/explore${address()}`, window.location.href).href;
    if (!(await copy(url))) setLink(url);
  };
  const isCopied = outcome === 'copied';
  return (
    <>
      <Button onClick={() => void share()}>{isCopied ? 'Copied' : 'Copy link'}</Button>
      <span role="status" className="sr-only">
        {isCopied ? 'The link is copied.' : ''}
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
