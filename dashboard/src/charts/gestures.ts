import type uPlot from 'uplot';
import type { TimeWindow } from './model';

/** What people do to a chart's window. */
export interface Gestures {
  show(window: TimeWindow): void;
  /** To the window before this one. */
  back(): void;
  /** To the present. */
  live(): void;
}

const PAN_STEP = 0.15;
const ZOOM_STEP = 1.5;
const SHORTEST_MS = 10;

/** Moves a window by a share of its length. */
export function panned({ from, to }: TimeWindow, share: number): TimeWindow {
  const by = (to - from) * share;
  return { from: from + by, to: to + by };
}

/** Makes a window `factor` times as long, so that what is at `share` of it stays there. */
export function zoomed({ from, to }: TimeWindow, factor: number, share = 0.5): TimeWindow {
  const length = Math.max(SHORTEST_MS, (to - from) * factor);
  const fixed = from + (to - from) * share;
  return { from: fixed - length * share, to: fixed + length * (1 - share) };
}

/** What a key does to a window, if anything. */
export function byKey(key: string, window: TimeWindow): TimeWindow | 'live' | undefined {
  switch (key) {
    case 'ArrowLeft':
      return panned(window, -PAN_STEP);
    case 'ArrowRight':
      return panned(window, PAN_STEP);
    case 'PageUp':
      return panned(window, -1);
    case 'PageDown':
      return panned(window, 1);
    case '+':
    case '=':
      return zoomed(window, 1 / ZOOM_STEP);
    case '-':
      return zoomed(window, ZOOM_STEP);
    case 'Home':
      return 'live';
    default:
      return undefined;
  }
}

/** Between two fingers or after a drag: where what was under them is now. */
export function dragged(
  window: TimeWindow,
  width: number,
  before: readonly number[],
  now: readonly number[],
): TimeWindow {
  const [a = 0, b] = before;
  const [c = 0, d] = now;
  if (b === undefined || d === undefined) return panned(window, (a - c) / width);
  const factor = Math.abs(b - a) / Math.max(8, Math.abs(d - c));
  const length = Math.max(SHORTEST_MS, (window.to - window.from) * factor);
  const middle = window.from + ((window.to - window.from) * (a + b)) / 2 / width;
  const from = middle - (length * (c + d)) / 2 / width;
  return { from, to: from + length };
}

/** Wheel, keys, shift-drag and fingers; the drag that selects is uPlot's. */
export function listen(plot: uPlot, element: HTMLElement, gestures: Gestures, shown: () => TimeWindow): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const { over } = plot;
  over.style.touchAction = 'pan-y';

  element.addEventListener(
    'keydown',
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target !== element) return;
      const next = byKey(event.key, shown());
      if (next === undefined) return;
      event.preventDefault();
      if (next === 'live') gestures.live();
      else gestures.show(next);
    },
    { signal },
  );

  // The plain vertical wheel scrolls the page, as everywhere.
  over.addEventListener(
    'wheel',
    (event) => {
      const zooms = event.ctrlKey || event.metaKey;
      const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
      if (!zooms && Math.abs(sideways) <= Math.abs(event.shiftKey ? 0 : event.deltaY)) return;
      event.preventDefault();
      const { left, width } = over.getBoundingClientRect();
      if (zooms) gestures.show(zoomed(shown(), ZOOM_STEP ** Math.sign(event.deltaY), (event.clientX - left) / width));
      else gestures.show(panned(shown(), sideways / width));
    },
    { signal, passive: false },
  );

  const held = new Map<number, number>();
  let grabbed: { window: TimeWindow; at: number[] } | undefined;
  const grab = () => {
    grabbed = held.size > 0 && held.size <= 2 ? { window: shown(), at: [...held.values()] } : undefined;
  };
  const isOurs = (event: PointerEvent) => event.pointerType === 'touch' || (event.button === 0 && event.shiftKey);
  over.addEventListener(
    'pointerdown',
    (event) => {
      if (!isOurs(event)) return;
      over.setPointerCapture(event.pointerId);
      held.set(event.pointerId, event.clientX);
      grab();
    },
    { signal },
  );
  over.addEventListener(
    'pointermove',
    (event) => {
      if (!held.has(event.pointerId) || !grabbed) return;
      held.set(event.pointerId, event.clientX);
      const { left, width } = over.getBoundingClientRect();
      const within = (all: Iterable<number>) => [...all].map((x) => x - left);
      const next = dragged(grabbed.window, width, within(grabbed.at), within(held.values()));
      gestures.show(next);
    },
    { signal },
  );
  const release = (event: PointerEvent) => {
    if (held.delete(event.pointerId)) grab();
  };
  over.addEventListener('pointerup', release, { signal });
  over.addEventListener('pointercancel', release, { signal });
  return () => stop.abort();
}
