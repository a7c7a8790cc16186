import type { Panel } from './dashboard';
import type { Picture } from './picture';
import { ask, pathOf, type Span, wholeBuckets } from './rows';
import { toText } from './selector';

const KEPT_MS = 60_000;

/** Everything that the panel's question answers in this span, as CSV; stored points are not thinned. */
export async function downloadCsv(panel: Panel, { plan }: Picture, span: Span): Promise<void> {
  const response = await ask(pathOf(panel.selector, plan, wholeBuckets(plan, span), { csv: true }));
  save(await response.blob(), fileNameOf(panel, span));
}

export function fileNameOf({ title, selector }: Panel, { from, to }: Span): string {
  const name = (title || toText(selector)).replace(/[^\p{L}\p{N}._-]+/gu, '_').replace(/^_+|_+$/g, '');
  const moment = (ms: number) => new Date(ms).toISOString().slice(0, 19).replaceAll(':', '-');
  return `${name.slice(0, 80) || 'points'}_${moment(from)}_${moment(to)}.csv`;
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
