/** What a page shows instead of its content. */
import type { ReactNode } from 'react';
import { type ApiError, inWords } from '@/api/errors';
import { Button } from './button';

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-2 rounded-lg border border-line border-dashed px-4 py-12 text-center">
      <p className="font-medium">{title}</p>
      {children && <div className="max-w-prose text-muted">{children}</div>}
    </div>
  );
}

/** `label` says what is awaited; `className` gives it the size of what will come. */
export function Loading({ label, className = 'h-32' }: { label: string; className?: string }) {
  return (
    <div role="status" className={`motion-safe:animate-pulse rounded-lg bg-raised ${className}`}>
      <span className="sr-only">{label}</span>
    </div>
  );
}

export function Trouble({ error, onRetry }: { error: ApiError; onRetry?: () => void }) {
  return (
    <div role="alert" className="flex flex-wrap items-center gap-3 rounded-lg border border-bad bg-card px-4 py-3">
      <p className="mr-auto">
        <span className="text-bad">■</span> {inWords(error)} <code className="text-muted">{error.code}</code>
      </p>
      {onRetry && <Button onClick={onRetry}>Try again</Button>}
    </div>
  );
}
