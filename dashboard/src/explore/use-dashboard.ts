'use client';

import { useSearchParams } from 'next/navigation';
import { useCallback, useEffect, useRef, useState } from 'react';
import { withKiosk } from '@/ui/display';
import { encodeDashboard, type Reading, readAddress } from './address';
import { type Dashboard, DEFAULT_VIEW, type Panel } from './dashboard';
import { NEW } from './link';
import { keepLast, lastDashboard } from './saved';
import { Views } from './views';

const SETTLED_MS = 300;
const NOTHING: Dashboard = { view: DEFAULT_VIEW, panels: [] };

interface Shown {
  name: string | undefined;
  panels: readonly Panel[];
  views: Views;
  /** The address says the same. */
  isWritten: boolean;
  /** Why the address cannot be shown. */
  problem?: string;
}

const shownOf = ({ name, panels, view }: Dashboard, isWritten: boolean): Shown => ({
  name,
  panels,
  views: new Views(view),
  isWritten,
});

function read(reading: Reading | undefined): Shown {
  if (reading && 'problem' in reading) return { ...shownOf(NOTHING, true), problem: reading.problem };
  if (reading) return shownOf(reading.dashboard, true);
  const last = lastDashboard();
  return shownOf(last ?? NOTHING, last === undefined);
}

/** The dashboard of the page's address, or the last one where it names none; the address follows it. */
export function useDashboard() {
  const search = useSearchParams().toString();
  const [shown, setShown] = useState(() => read(readAddress(search)));
  const { name, panels, views, isWritten, problem } = shown;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  const dashboard = useCallback(
    (): Dashboard => ({ ...(name ? { name } : {}), view: views.current.get(), panels }),
    [name, panels, views],
  );

  const keep = useCallback(() => {
    if (problem === undefined) keepLast(dashboard());
  }, [dashboard, problem]);
  const write = useCallback(() => {
    timer.current = undefined;
    keep();
    window.history.replaceState(null, '', withKiosk(panels.length > 0 ? encodeDashboard(dashboard()) : NEW));
  }, [dashboard, keep, panels]);

  useEffect(() => {
    const writeSoon = () => {
      clearTimeout(timer.current);
      timer.current = setTimeout(write, SETTLED_MS);
    };
    // The link that led here stays until something changes.
    if (isWritten) keep();
    else writeSoon();
    const unwatch = views.current.subscribe(writeSoon);
    return () => {
      unwatch();
      if (timer.current === undefined) return;
      clearTimeout(timer.current);
      keep();
    };
  }, [isWritten, keep, views, write]);

  // The router would come back for it if it were written on the way to another page.
  useEffect(() => {
    const writeNow = () => {
      if (timer.current === undefined) return;
      clearTimeout(timer.current);
      write();
    };
    document.addEventListener('click', writeNow, true);
    return () => document.removeEventListener('click', writeNow, true);
  }, [write]);

  // The link in the header leads to what is here already.
  const before = useRef(search);
  useEffect(() => {
    if (search === '' && before.current !== '') {
      if (problem === undefined) write();
      else setShown(read(undefined));
    }
    before.current = search;
  }, [problem, search, write]);

  const change = (by: (before: Shown) => Partial<Shown>) =>
    setShown(({ problem: _, ...before }) => ({ ...before, ...by(before), isWritten: false }));
  return {
    name,
    panels,
    views,
    problem,
    address: (named = true) => encodeDashboard(named ? dashboard() : { ...dashboard(), name: '' }),
    open: (address: string, name?: string) => {
      const reading = readAddress(address);
      setShown(
        reading && 'dashboard' in reading
          ? shownOf({ ...reading.dashboard, ...(name ? { name } : {}) }, false)
          : read(reading),
      );
    },
    setName: (name: string | undefined) => change(() => ({ name })),
    setPanels: (next: (panels: readonly Panel[]) => readonly Panel[]) =>
      change(({ panels }) => ({ panels: next(panels) })),
  };
}
