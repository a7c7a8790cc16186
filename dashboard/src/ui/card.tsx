import type { ReactNode } from 'react';

interface Props {
  title: string;
  /** Beside the title. */
  aside?: ReactNode;
  className?: string;
  children: ReactNode;
}

export function Card({ title, aside, className = '', children }: Props) {
  return (
    <section className={`min-w-0 rounded-lg border border-line bg-card p-3 sm:p-4 ${className}`}>
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <h2 className="mr-auto font-medium">{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}
