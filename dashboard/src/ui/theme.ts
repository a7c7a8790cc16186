export type Theme = 'system' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

const KEY = 'streamsync.theme';

/** Runs in the head, so that a chosen theme never flashes the other one. */
export const applyThemeBeforePaint = `{const t=localStorage.getItem('${KEY}');if(t)document.documentElement.dataset.theme=t}`;

export const chosenTheme = (): Theme => (localStorage.getItem(KEY) as Theme | null) ?? 'system';

export function chooseTheme(theme: Theme): void {
  const { dataset } = document.documentElement;
  if (theme === 'system') {
    localStorage.removeItem(KEY);
    delete dataset.theme;
  } else {
    localStorage.setItem(KEY, theme);
    dataset.theme = theme;
  }
}

/** Tells whoever paints by itself, such as a canvas, that the colours are others now. */
export function onThemeChange(listener: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const chosen = new MutationObserver(listener);
  system.addEventListener('change', listener);
  chosen.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  return () => {
    system.removeEventListener('change', listener);
    chosen.disconnect();
  };
}
