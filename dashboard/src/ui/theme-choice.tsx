'use client';

import { useEffect, useState } from 'react';
import { Select } from './fields';
import { chooseTheme, chosenTheme, THEMES, type Theme } from './theme';

export function ThemeChoice() {
  // The page of the file knows no choice, and would forget one made before it is alive.
  const [theme, setTheme] = useState<Theme>();
  useEffect(() => setTheme(chosenTheme()), []);
  const choose = (next: Theme) => {
    chooseTheme(next);
    setTheme(next);
  };
  return (
    <Select
      label="Theme"
      hideLabel
      value={theme ?? 'system'}
      options={THEMES}
      onChange={choose}
      disabled={theme === undefined}
    />
  );
}
