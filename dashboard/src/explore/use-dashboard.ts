'use client';

import { useSearchParams } from 'next/navigation';
import { useCallback, useEffect, useRef, useState } from 'react';
import { encodeDashboard, type Reading, readAddress } from './address';
import { DEFAULT_VIEW, type Panel } from './dashboard';
import { Views } from './views';

const SETTLED_MS = 300;

export interface Shown {
  panels: readonly Panel[];
  views: Views;
}

const shownOf = (reading: Reading | undefined): Shown => {
  const dashboard = reading && 'dashboard' in reading ? reading.dashboard : { view: DEFAULT_VIEW, panels: [] };
  return { panels: dashboard.panels, views: new Views(dashboard.view) };
};

/** The dashboard of the page's address; the address follows it, and it follows links. */
export function useDashboard() {
  const search = useSearchParams().toString();
  const [reading, setReading] = useState(() => readAddress(search));
  const [shown, setShown] = useState(() => shownOf(reading));
  const { panels, views } = shown;
  const first = useRef(shown);
  const isWritten = useRef(search !== '');

  const open = useCallback((address: string) => {
    const next = readAddress(address);
    const opened = shownOf(next);
    first.current = opened;
    setReading(next);
    setShown(opened);
  }, []);

  // The link in the header leads back to the start.
  useEffect(() => {
    if (search !== '' || !isWritten.current) return;
    isWritten.current = false;
    open('');
  }, [search, open]);

  const address = useCallback(() => encodeDashboard({ view: views.current.get(), panels }), [panels, views]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const write = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        isWritten.current = true;
        window.history.replaceState(null, '', address());
      }, SETTLED_MS);
    };
    // The link that led here stays until something changes.
    if (first.current !== shown) write();
    const unwatch = views.current.subscribe(write);
    return () => {
      clearTimeout(timer);
      unwatch();
    };
  }, [address, shown, views]);

  const setPanels = (change: (panels: readonly Panel[]) => readonly Panel[]) => {
    setReading(undefined);
    setShown((before) => ({ ...before, panels: change(before.panels) }));
  };
  return {
    panels,
    views,
    address,
    open,
    setPanels,
    problem: reading && 'problem' in reading ? reading.problem : undefined,
  };
}
