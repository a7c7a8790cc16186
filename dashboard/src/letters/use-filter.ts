import { useSearchParams } from 'next/navigation';
import { useMemo } from 'react';
import { type Filter, filterOf, searchOf } from './filter';

/** The filter of the page's address, and how to change it: each change is a step that `back` undoes. */
export function useFilter(): [Filter, (next: Filter) => void] {
  const search = useSearchParams().toString();
  const filter = useMemo(() => filterOf(new URLSearchParams(search)), [search]);
  const setFilter = (next: Filter) =>
    window.history.pushState(null, '', `${window.location.pathname}${searchOf(next)}`);
  return [filter, setFilter];
}
