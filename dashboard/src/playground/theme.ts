import { useSyncExternalStore } from 'react';
import { chosenTheme, onThemeChange } from '@/ui/theme';

function shownTheme(): 'light' | 'dark' {
  const chosen = chosenTheme();
  if (chosen !== 'system') return chosen;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** GraphiQL must be told: its editors paint by themselves. */
export const useShownTheme = () => useSyncExternalStore(onThemeChange, shownTheme);
