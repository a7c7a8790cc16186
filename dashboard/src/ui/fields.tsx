'use client';

import { type ComponentProps, useId } from 'react';

const CONTROL = 'min-h-8 rounded border border-control bg-card px-2 text-ink';

interface Labelled {
  label: string;
  /** For the eye only: readers still hear it. */
  hideLabel?: boolean;
}

function Label({ label, hideLabel, id }: Labelled & { id: string }) {
  return (
    <label htmlFor={id} className={hideLabel ? 'sr-only' : 'text-muted text-xs'}>
      {label}
    </label>
  );
}

export function TextField({ label, hideLabel = false, className = '', ...rest }: Labelled & ComponentProps<'input'>) {
  const id = useId();
  return (
    <span className={`inline-flex flex-col gap-1 ${className}`}>
      <Label label={label} hideLabel={hideLabel} id={id} />
      <input {...rest} id={id} className={`${CONTROL} min-w-0`} />
    </span>
  );
}

interface SelectProps<T extends string> extends Labelled {
  value: T;
  options: readonly (T | { value: T; title: string })[];
  onChange(value: T): void;
  disabled?: boolean;
  className?: string;
}

export function Select<T extends string>({
  label,
  hideLabel = false,
  value,
  options,
  onChange,
  disabled,
  className = '',
}: SelectProps<T>) {
  const id = useId();
  return (
    <span className={`inline-flex flex-col gap-1 ${className}`}>
      <Label label={label} hideLabel={hideLabel} id={id} />
      <select
        id={id}
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.target.value as T)}
        className={`${CONTROL} min-w-0`}
      >
        {options.map((option) => {
          const { value, title } = typeof option === 'string' ? { value: option, title: option } : option;
          return (
            <option key={value} value={value}>
              {title}
            </option>
          );
        })}
      </select>
    </span>
  );
}

interface CheckProps {
  label: string;
  checked: boolean;
  onChange(checked: boolean): void;
  className?: string;
}

export function Check({ label, checked, onChange, className = '' }: CheckProps) {
  return (
    <label className={`flex min-h-8 items-center gap-2 ${className}`}>
      <input
        type="checkbox"
        className="accent-accent"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
      {label}
    </label>
  );
}
