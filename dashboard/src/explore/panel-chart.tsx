'use client';

import { useEffect, useRef } from 'react';
import 'uplot/dist/uPlot.min.css';
import type { PanelController } from './panel-controller';

interface Props {
  controller: PanelController;
  /** What is to be seen, in words. */
  summary: string;
  dimmed: boolean;
}

export function PanelChart({ controller, summary, dimmed }: Props) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => (element.current ? controller.mount(element.current) : undefined), [controller]);
  return (
    <div
      ref={element}
      role="application"
      aria-roledescription="chart"
      aria-label={`${summary} Arrow keys move in time, plus and minus zoom, Home returns to live.`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: keys move its window
      tabIndex={0}
      className={`h-56 w-full overflow-hidden sm:h-64 ${dimmed ? 'opacity-60' : ''}`}
    />
  );
}
