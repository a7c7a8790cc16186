/** Dashboards kept in this browser by name, as the addresses that open them. */
import { type Store, store } from '@/api/store';
import { encodeDashboard, readAddress } from './address';
import { type Dashboard, DEFAULT_VIEW, type Panel } from './dashboard';

const KEY = 'streamsync.dashboards';
const LAST = 'streamsync.dashboard';

export interface Saved {
  name: string;
  address: string;
}

type Storage = Pick<globalThis.Storage, 'getItem' | 'setItem'>;

/** What is there by name; nothing where it cannot be read. */
export function readSaved(storage: Storage): Saved[] {
  try {
    const found: unknown = JSON.parse(storage.getItem(KEY) ?? '[]');
    const isSaved = (each: unknown): each is Saved =>
      typeof (each as Saved)?.name === 'string' && typeof (each as Saved)?.address === 'string';
    return Array.isArray(found) ? found.filter(isSaved) : [];
  } catch {
    return [];
  }
}

const byName = (all: Saved[]) => all.sort((a, b) => a.name.localeCompare(b.name));

/** Under a name that is taken it takes the other's place. */
export const withSaved = (all: readonly Saved[], saved: Saved): Saved[] =>
  byName([...all.filter(({ name }) => name !== saved.name), saved]);

export const withoutSaved = (all: readonly Saved[], name: string): Saved[] => all.filter((each) => each.name !== name);

export function renamedSaved(all: readonly Saved[], before: string, name: string): Saved[] {
  const saved = all.find((each) => each.name === before);
  return saved ? withSaved(withoutSaved(all, before), { ...saved, name }) : [...all];
}

/** The list of this browser. Storage may be full or forbidden: then it lasts as long as the page. */
let shared: Store<readonly Saved[]> | undefined;

export function savedStore(): Store<readonly Saved[]> {
  shared ??= store<readonly Saved[]>(readSaved(localStorage));
  return shared;
}

export function keepSaved(all: Saved[]): void {
  savedStore().set(all);
  localStorage.setItem(KEY, JSON.stringify(all));
}

/** Whether these panels are others than those that were saved; another time is no change. */
export function isEdited({ address }: Saved, panels: readonly Panel[]): boolean {
  const reading = readAddress(address);
  const text = (panels: readonly Panel[]) => encodeDashboard({ view: DEFAULT_VIEW, panels });
  return !reading || 'problem' in reading || text(reading.dashboard.panels) !== text(panels);
}

/** What was looked at last in this browser, for who comes back without an address. */
export function lastDashboard(storage: Storage = localStorage): Dashboard | undefined {
  const reading = readAddress(storage.getItem(LAST) ?? '');
  return reading && 'dashboard' in reading ? reading.dashboard : undefined;
}

export function keepLast(dashboard: Dashboard, storage: Storage = localStorage): void {
  storage.setItem(LAST, dashboard.panels.length > 0 ? encodeDashboard(dashboard) : '');
}
