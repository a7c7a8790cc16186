import type { ComponentProps } from 'react';

const LOOKS = {
  plain: 'border-control bg-card hover:bg-raised',
  primary: 'border-accent bg-accent text-on-accent hover:opacity-90',
  bare: 'border-transparent text-muted hover:bg-raised hover:text-ink',
};

interface Props extends ComponentProps<'button'> {
  look?: keyof typeof LOOKS;
}

export function Button({ look = 'plain', className = '', type = 'button', ...rest }: Props) {
  return (
    <button
      {...rest}
      type={type}
      className={`inline-flex min-h-8 items-center justify-center gap-1.5 rounded border px-2.5 disabled:cursor-not-allowed disabled:opacity-50 ${LOOKS[look]} ${className}`}
    />
  );
}
