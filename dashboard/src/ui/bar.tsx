interface Props {
  /** 0 to 1. */
  share: number;
  label: string;
  className?: string;
}

/** How full something is. The element of HTML says it; how it is drawn differs too much between browsers. */
export function Bar({ share, label, className = '' }: Props) {
  const full = Math.round(Math.min(1, Math.max(0, share)) * 100);
  const colour = full >= 90 ? 'text-bad' : full >= 60 ? 'text-warn' : 'text-accent';
  return (
    <span className={`block ${className}`}>
      <meter className="sr-only" aria-label={label} max={100} value={full}>
        {full} %
      </meter>
      <svg
        aria-hidden="true"
        viewBox="0 0 100 1"
        preserveAspectRatio="none"
        className={`block h-2 w-full rounded-full border border-control ${colour}`}
      >
        <rect width={full} height={1} fill="currentColor" />
      </svg>
    </span>
  );
}
