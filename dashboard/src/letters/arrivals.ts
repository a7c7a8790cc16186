/** New letters above a list that does not jump. */

/** More than so many are not counted. */
export const COUNTED = 100;

/** How many of the newest ids come before those of the list; `COUNTED` means that many or more. */
export function arrived(newest: readonly string[], listed: ReadonlySet<string>): number {
  const known = newest.findIndex((id) => listed.has(id));
  return known < 0 ? newest.length : known;
}

export const sayArrived = (count: number): string => (count >= COUNTED ? `${COUNTED}+ new` : `${count} new`);
