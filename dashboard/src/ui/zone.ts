/** The time zone in which pages show times: the reader's own, UTC, or any other. */
import { type Store, store } from '@/api/store';

export const LOCAL = 'local';
export const UTC = 'UTC';
const KEY = 'streamsync.zone';
/** Zones change their offset at such moments only. */
const SLOT_MS = 900_000;
const SLOTS_MAX = 2_000;

const clocks = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

/** `LOCAL`, or a name of the IANA database. */
export const zone: Store<string> = store(typeof window === 'undefined' ? LOCAL : kept());

export function chooseZone(name: string): void {
  if (name === LOCAL) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, name);
  zone.set(name);
}

function kept(): string {
  const name = localStorage.getItem(KEY) ?? LOCAL;
  return isZone(name) ? name : LOCAL;
}

function isZone(name: string): boolean {
  if (name === LOCAL) return true;
  try {
    return clockOf(name) !== undefined;
  } catch {
    return false;
  }
}

/** How far the clocks of a zone are ahead of UTC at a moment, in milliseconds. */
export function offsetAt(moment: number, name: string = zone.get()): number {
  if (name === UTC) return 0;
  if (name === LOCAL) return -60_000 * new Date(moment).getTimezoneOffset();
  const slot = Math.floor(moment / SLOT_MS);
  const key = `${name} ${slot}`;
  let offset = offsets.get(key);
  if (offset === undefined) {
    if (offsets.size >= SLOTS_MAX) offsets.clear();
    offset = offsetOf(name, slot * SLOT_MS);
    offsets.set(key, offset);
  }
  return offset;
}

/** What the clock shows, as if it were UTC. */
export const toWall = (moment: number): number => moment + offsetAt(moment);

/** When the clock shows that. */
export const fromWall = (wall: number): number => wall - offsetAt(wall - offsetAt(wall));

function offsetOf(name: string, moment: number): number {
  const parts = Object.fromEntries(
    clockOf(name)
      .formatToParts(moment)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day, hour, minute, second } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - moment;
}

function clockOf(name: string): Intl.DateTimeFormat {
  let clock = clocks.get(name);
  if (!clock) {
    const number = 'numeric';
    clock = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: number,
      month: number,
      day: number,
      hour: number,
      minute: number,
      second: number,
    });
    clocks.set(name, clock);
  }
  return clock;
}
