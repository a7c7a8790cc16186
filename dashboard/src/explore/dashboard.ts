/** What a dashboard is: panels and the time they show. */
import type { Wish } from './plan';
import { type Selector, toText } from './selector';
import type { View } from './view';

export const WIDTHS = ['full', 'half', 'third'] as const;
export type Width = (typeof WIDTHS)[number];

export interface Panel extends Wish {
  /** Of this page only; an address does not have it. */
  id: string;
  selector: Selector;
  /** Its selector when left out. */
  title?: string;
  width: Width;
  /** As `ui/units` names it; that of the metric when left out. */
  unit?: string;
  /** Where the axis of values begins and ends; by the values when left out. */
  low?: number;
  high?: number;
}

export interface Dashboard {
  /** Under which it was saved. */
  name?: string;
  view: View;
  panels: readonly Panel[];
}

export const PANELS_MAX = 40;
export const DEFAULT_VIEW: View = { kind: 'live', span: 900_000 };

let made = 0;
const newId = () => `p${++made}`;

export const newPanel = (selector: Selector, rest: Partial<Omit<Panel, 'id'>> = {}): Panel => ({
  method: 'auto',
  fill: 'none',
  band: true,
  width: 'full',
  ...rest,
  id: newId(),
  selector,
});

export const titleOf = (panel: Panel): string => panel.title || toText(panel.selector) || 'New panel';

type Panels = readonly Panel[];

export const replaced = (panels: Panels, panel: Panel): Panels =>
  panels.map((other) => (other.id === panel.id ? panel : other));

export const removed = (panels: Panels, id: string): Panels => panels.filter((panel) => panel.id !== id);

/** A panel that was removed comes back to its place. */
export const restored = (panels: Panels, panel: Panel, place: number): Panels => panels.toSpliced(place, 0, panel);

/** The copy stands behind its original. */
export const duplicated = (panels: Panels, id: string): Panels =>
  panels.flatMap((panel) => (panel.id === id ? [panel, { ...panel, id: newId() }] : [panel]));

/** To a place, counted without itself; places beyond the ends are the ends. */
export function moved(panels: Panels, id: string, place: number): Panels {
  const panel = panels.find((other) => other.id === id);
  if (!panel) return panels;
  const others = removed(panels, id);
  const to = Math.max(0, Math.min(others.length, place));
  return [...others.slice(0, to), panel, ...others.slice(to)];
}
