import { type Dot, type Frame, HEIGHT, sparklinePaths, WIDTH } from './sparkline-path';

interface Props extends Frame {
  dots: readonly Dot[];
  /** What readers hear instead. */
  label: string;
  className?: string;
}

/** A line without axes: how something went, not how much it was. */
export function Sparkline({ dots, label, className = 'h-10', ...frame }: Props) {
  const { line, area } = sparklinePaths(dots, frame);
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      className={`block w-full text-accent ${className}`}
    >
      <path d={area} fill="currentColor" fillOpacity={0.14} />
      <path
        d={line}
        fill="none"
        stroke="currentColor"
        strokeWidth={1.5}
        strokeLinecap="round"
        strokeLinejoin="round"
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}
