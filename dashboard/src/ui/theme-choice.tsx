'use client';

import { useEffect, useState } from 'react';
import { Button } from './button';
import { MoonIcon, SunIcon, SystemThemeIcon } from './icons';
import { chooseTheme, chosenTheme, THEMES, type Theme } from './theme';

const ICONS = { system: SystemThemeIcon, light: SunIcon, dark: MoonIcon };

/** Each click is the next theme. */
export function ThemeChoice() {
  // The page of the file knows no choice, and would forget one made before it is alive.
  const [theme, setTheme] = useState<Theme>();
  useEffect(() => setTheme(chosenTheme()), []);
  const shown = theme ?? 'system';
  const next = THEMES[(THEMES.indexOf(shown) + 1) % THEMES.length] as Theme;
  const ShownIcon = ICONS[shown];
  return (
    <Button
      aria-label={`Theme: ${shown}`}
      title={`Theme: ${shown}. Change to ${next}.`}
      disabled={theme === undefined}
      className="w-8 px-0"
      onClick={() => {
        chooseTheme(next);
        setTheme(next);
      }}
    >
      <ShownIcon />
    </Button>
  );
}
