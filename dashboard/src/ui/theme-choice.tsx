'use client';

import { useEffect, useState } from 'react';
import { Select } from './fields';
import { chooseTheme, chosenTheme, THEMES, type Theme } from './theme';

export function ThemeChoice() {
  const [theme, setTheme] = useState<Theme>('system');
  useEffect(() => setTheme(chosenTheme()), []);
  const choose = (next: Theme) => {
    chooseTheme(next);
    setTheme(next);
  };
  return <Select label="Theme" hideLabel value={theme} options={THEMES} onChange={choose} />;
}
