import { type RefObject, useEffect, useState } from 'react';
import { Button } from '@/ui/button';

interface Props {
  text: string;
  /** Where the text stands on the page. */
  shownIn: RefObject<HTMLElement | null>;
}

/** Where a page may not reach the clipboard, as without TLS, the text is selected instead. */
export function CopyButton({ text, shownIn }: Props) {
  const [said, say] = useState('');
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => say(''), 4_000);
    return () => clearTimeout(timer);
  }, [said]);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say('Copied');
    } catch {
      if (shownIn.current) window.getSelection()?.selectAllChildren(shownIn.current);
      say('Selected: copy it with Ctrl+C');
    }
  };
  return (
    <>
      <Button onClick={copy}>Copy</Button>
      <span role="status" className="text-muted">
        {said}
      </span>
    </>
  );
}
