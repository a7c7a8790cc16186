'use client';

import { type ReactNode, useEffect, useRef } from 'react';

interface Props {
  title: ReactNode;
  label?: string;
  /** Without a frame, where the title has its own. */
  look?: 'plain' | 'bare';
  onOpen?(): void;
  children: ReactNode;
}

const LOOKS = {
  plain: { title: 'rounded border border-control bg-card px-2.5 hover:bg-raised', content: '' },
  // Sentences take the width of a phone.
  bare: { title: 'rounded-full', content: 'max-sm:fixed max-sm:inset-x-3 max-sm:w-auto max-sm:max-w-none' },
};

/** What opens below a button, and closes with Escape or a click elsewhere. */
export function Menu({ title, label, look = 'plain', onOpen, children }: Props) {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const stop = new AbortController();
    const close = (event: Event) => {
      const element = details.current;
      if (!element?.open) return;
      if (event instanceof KeyboardEvent ? event.key !== 'Escape' : element.contains(event.target as Node)) return;
      element.open = false;
      if (event instanceof KeyboardEvent) {
        // Nothing else is to be closed by it.
        event.preventDefault();
        element.querySelector('summary')?.focus();
      }
    };
    document.addEventListener('pointerdown', close, { signal: stop.signal });
    document.addEventListener('keydown', close, { signal: stop.signal });
    return () => stop.abort();
  }, []);
  return (
    <details ref={details} className="relative" onToggle={({ currentTarget }) => currentTarget.open && onOpen?.()}>
      <summary
        aria-label={label}
        className={`inline-flex min-h-8 cursor-pointer list-none items-center [&::-webkit-details-marker]:hidden ${LOOKS[look].title}`}
      >
        {title}
      </summary>
      <div
        className={`absolute right-0 z-30 mt-1 w-max max-w-[90vw] rounded-lg border border-line bg-card p-3 shadow-lg ${LOOKS[look].content}`}
      >
        {children}
      </div>
    </details>
  );
}

/** For what is inside, once it is chosen. */
export const closeMenu = (event: { currentTarget: Element }): void =>
  event.currentTarget.closest('details')?.removeAttribute('open');
