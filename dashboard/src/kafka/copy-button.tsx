import type { RefObject } from 'react';
import { Button } from '@/ui/button';
import { useClipboard } from '@/ui/clipboard';

interface Props {
  text: string;
  /** Where the text stands on the page. */
  shownIn: RefObject<HTMLElement | null>;
}

const OUTCOMES = { copied: 'Copied', refused: 'Selected: copy it with Ctrl+C' };

/** Where a page may not reach the clipboard, the text is selected instead. */
export function CopyButton({ text, shownIn }: Props) {
  const { outcome, copy } = useClipboard();
  const copyOrSelect = async () => {
    if (!(await copy(text)) && shownIn.current) window.getSelection()?.selectAllChildren(shownIn.current);
  };
  return (
    <>
      <Button onClick={() => void copyOrSelect()}>Copy</Button>
      <span role="status" className="text-muted">
        {outcome && OUTCOMES[outcome]}
      </span>
    </>
  );
}
