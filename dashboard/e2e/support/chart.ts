/** What the charts of a page hold, as the page itself tells. */
import type { Page } from 'playwright-core';
// Declares `window.__streamsync`.
import type {} from '@/explore/expose';
import type { StoredPoint } from './site';

/** The points of each line of a panel, without the breaks between them. */
export async function lines(page: Page, panel = 0): Promise<Map<string, StoredPoint[]>> {
  const held = await page.evaluate((at) => window.__streamsync?.panels()[at]?.lines ?? [], panel);
  return new Map(
    held.map(({ key, times, values }) => [
      key,
      times.map((time, n) => ({ time, value: values[n] ?? null })).filter(({ value }) => value !== null),
    ]),
  );
}

/** When the first line of the first panel came to hold this value, by the browser's clock. */
export function seen(page: Page, value: number): Promise<number> {
  return page.evaluate(
    (value) =>
      new Promise<number>((resolve) => {
        const look = () => {
          const line = window.__streamsync?.panels()[0]?.lines[0];
          if (line?.values.includes(value)) resolve(Date.now());
          else setTimeout(look, 2);
        };
        look();
      }),
    value,
  );
}
