'use client';

import { useEffect, useState } from 'react';
import { useApi } from '@/api/query';
import { count } from '@/ui/format';
import type { Suggestion } from './combobox';
import { CountSeries, LabelNames, LabelValues, Metrics } from './search-documents';
import { type Matcher, type Selector, toInput } from './selector';

const DEBOUNCE_MS = 150;
const SUGGESTIONS_MAX = 500;
const COUNTED_MAX = 1_000;

export interface Search {
  suggestions: readonly Suggestion[];
  loading: boolean;
  /** Why there are none. */
  trouble: string | undefined;
  search(text: string): void;
}

/** What stays the same for a while. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

/** Nothing is asked for before the first look. */
function useSearchText() {
  const [text, search] = useState<string>();
  const settled = useSettled(text);
  return { search, enabled: settled !== undefined, text: settled ?? '' };
}

const seriesNote = (series: number) => `${count(series)} series`;

export function useMetricSearch(): Search {
  const { search, enabled, text } = useSearchText();
  const { data, isFetching, error } = useApi(Metrics, { search: text, first: SUGGESTIONS_MAX }, { enabled });
  return {
    suggestions: (data?.metrics ?? []).map(({ name, series }) => ({ value: name, note: seriesNote(series) })),
    loading: isFetching,
    trouble: error?.message,
    search,
  };
}

export function useLabelSearch(selector: Selector): Search {
  const { search, enabled, text } = useSearchText();
  const variables = { selector: toInput(selector), search: text, first: SUGGESTIONS_MAX };
  const { data, isFetching, error } = useApi(LabelNames, variables, { enabled });
  return {
    suggestions: (data?.labels ?? []).map(({ name, series }) => ({ value: name, note: seriesNote(series) })),
    loading: isFetching,
    trouble: error?.message,
    search,
  };
}

/** Values of a label among the series that all other conditions leave. */
export function useValueSearch(selector: Selector, matcher: Matcher): Search {
  const { search, enabled, text } = useSearchText();
  const others = { ...selector, matchers: selector.matchers.filter((other) => other !== matcher) };
  const variables = { name: matcher.name, selector: toInput(others), search: text, first: SUGGESTIONS_MAX };
  const { data, isFetching, error } = useApi(LabelValues, variables, { enabled: enabled && matcher.name !== '' });
  return {
    suggestions: (data?.labelValues ?? []).map(({ value, series }) => ({ value, note: seriesNote(series) })),
    loading: isFetching,
    trouble: error?.message,
    search,
  };
}

/** How many series match, as people say it. */
export function useSeriesCount(selector: Selector): string {
  const settled = useSettled(JSON.stringify(toInput(selector)));
  const variables = { selector: JSON.parse(settled), first: COUNTED_MAX };
  const { data, error } = useApi(CountSeries, variables, { enabled: selector.metric !== '', retry: false });
  if (error) return error.message;
  const found = data?.series.nodes.length;
  if (found === undefined) return '';
  return found < COUNTED_MAX ? `${count(found)} series match` : `${count(COUNTED_MAX)} series or more match`;
}
