'use client';

import { Button } from '@/ui/button';
import { Select } from '@/ui/fields';
import { Combobox } from './combobox';
import { useLabelSearch, useMetricSearch, useSeriesCount, useValueSearch } from './search';
import { isBlank, type Matcher, OPS, type Selector } from './selector';

interface Props {
  selector: Selector;
  onChange(selector: Selector): void;
}

export function SelectorEditor({ selector, onChange }: Props) {
  const metrics = useMetricSearch();
  const found = useSeriesCount(selector);
  const setMatchers = (matchers: readonly Matcher[]) => onChange({ ...selector, matchers });
  const { matchers } = selector;
  return (
    <div className="flex flex-col gap-2">
      <Combobox
        label="Metric"
        value={selector.metric}
        placeholder="Type to search"
        isNext={isBlank(selector)}
        {...metrics}
        onSearch={metrics.search}
        onChoose={(metric) => onChange({ ...selector, metric })}
      />
      {matchers.map((matcher, place) => (
        <MatcherEditor
          // biome-ignore lint/suspicious/noArrayIndexKey: a condition is its place
          key={place}
          selector={selector}
          matcher={matcher}
          onChange={(next) => setMatchers(matchers.with(place, next))}
          onRemove={() => setMatchers(matchers.toSpliced(place, 1))}
        />
      ))}
      <div className="flex items-center gap-3">
        <Button
          disabled={!selector.metric}
          onClick={() => setMatchers([...matchers, { name: '', op: '=', value: '' }])}
        >
          Add a label
        </Button>
        <span className="text-muted" role="status">
          {found}
        </span>
      </div>
    </div>
  );
}

interface MatcherProps {
  selector: Selector;
  matcher: Matcher;
  onChange(matcher: Matcher): void;
  onRemove(): void;
}

function MatcherEditor({ selector, matcher, onChange, onRemove }: MatcherProps) {
  const names = useLabelSearch({ metric: selector.metric, matchers: [] });
  const values = useValueSearch(selector, matcher);
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Combobox
        label="Label"
        hideLabel
        value={matcher.name}
        placeholder="Label"
        className="min-w-32 flex-1"
        {...names}
        onSearch={names.search}
        onChoose={(name) => onChange({ ...matcher, name })}
      />
      <Select
        label="How it compares"
        hideLabel
        value={matcher.op}
        options={OPS}
        onChange={(op) => onChange({ ...matcher, op })}
      />
      <Combobox
        label="Value"
        hideLabel
        value={matcher.value}
        placeholder={matcher.op.endsWith('~') ? 'Regular expression' : 'Value'}
        className="min-w-40 flex-2"
        {...values}
        onSearch={values.search}
        onChoose={(value) => onChange({ ...matcher, value })}
      />
      <Button look="bare" onClick={onRemove} aria-label={`Remove the condition on ${matcher.name || 'a label'}`}>
        ✕
      </Button>
    </div>
  );
}
