import type { ComponentProps } from 'react';

export type Tone = 'quiet' | 'good' | 'warn' | 'bad';

const COLOURS: Record<Tone, string> = { quiet: 'text-muted', good: 'text-good', warn: 'text-warn', bad: 'text-bad' };
// The shape says the same as the colour.
const MARKS: Record<Tone, string> = { quiet: '○', good: '●', warn: '▲', bad: '■' };

export function Pill({ tone, children, ...rest }: ComponentProps<'span'> & { tone: Tone }) {
  return (
    <span
      {...rest}
      className={`inline-flex items-center gap-1.5 whitespace-nowrap rounded-full border border-current px-2 py-0.5 text-xs ${COLOURS[tone]}`}
    >
      <span aria-hidden="true">{MARKS[tone]}</span>
      {children}
    </span>
  );
}
