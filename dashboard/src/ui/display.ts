/** How much of the screen pages take. */
import { type Store, store } from '@/api/store';
import { FULL, KIOSK, WIDTH } from './display-before-paint';

const isBrowser = typeof window !== 'undefined';

/** Whether pages are as wide as the window. */
export const fullWidth: Store<boolean> = store(isBrowser && localStorage.getItem(WIDTH) === FULL);

/** Whether only what a page shows is there: no header, no tools. */
export const kiosk: Store<boolean> = store(isBrowser && new URLSearchParams(window.location.search).has(KIOSK));

export function chooseFullWidth(isFull: boolean): void {
  const { dataset } = document.documentElement;
  if (isFull) {
    localStorage.setItem(WIDTH, FULL);
    dataset.width = FULL;
  } else {
    localStorage.removeItem(WIDTH);
    delete dataset.width;
  }
  fullWidth.set(isFull);
}

export function chooseKiosk(isKiosk: boolean): void {
  document.documentElement.toggleAttribute('data-kiosk', isKiosk);
  kiosk.set(isKiosk);
  window.history.replaceState(null, '', withKiosk(window.location.search) || window.location.pathname);
}

/** An address' search, with the mode of this page. */
export function withKiosk(search: string): string {
  const rest = search
    .replace(/^\?/, '')
    .split('&')
    .filter((part) => part !== '' && part.split('=')[0] !== KIOSK);
  if (kiosk.get()) rest.push(KIOSK);
  return rest.length > 0 ? `?${rest.join('&')}` : '';
}
