import type { PanelController } from './panel-controller';

/**
 * For tests in a browser: what the charts of this page hold, point by point, in the order of the
 * panels. A value is null where a gap is known.
 */
declare global {
  interface Window {
    __streamsync?: { panels(): HeldPanel[] };
  }
}

interface HeldPanel {
  lines: { key: string; times: number[]; values: (number | null)[] }[];
}

const shown = new Set<PanelController>();

export function exposePanel(controller: PanelController): () => void {
  shown.add(controller);
  window.__streamsync = { panels: () => inOrder().map(held) };
  return () => shown.delete(controller);
}

function inOrder(): PanelController[] {
  const ids = [...document.querySelectorAll<HTMLElement>('[data-panel]')].map(({ dataset }) => dataset.panel);
  return [...shown].sort((a, b) => ids.indexOf(a.panel.id) - ids.indexOf(b.panel.id));
}

const held = ({ feed }: PanelController): HeldPanel => ({
  lines: feed.picture.lines.map(({ key, line: { times, values, start, end } }) => ({
    key,
    times: [...times.subarray(start, end)],
    values: Array.from(values.subarray(start, end), (value) => (Number.isNaN(value) ? null : value)),
  })),
});
