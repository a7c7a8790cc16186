import { explain } from '@/kafka/reasons';
import { Button } from '@/ui/button';
import { Check, Select } from '@/ui/fields';
import type { ReasonCount } from './documents';
import { choices, type Filter, isNarrow, PARTS, type Part } from './filter';

interface Props {
  filter: Filter;
  counts: readonly ReasonCount[];
  onChange(filter: Filter): void;
}

const LABELS: Record<Part, string> = { stream: 'Stream', topic: 'Topic', reason: 'Reason' };
const ALL = '';

export function FilterBar({ filter, counts, onChange }: Props) {
  return (
    <form
      aria-label="Which letters"
      className="mb-3 flex flex-wrap items-end gap-3"
      onSubmit={(event) => event.preventDefault()}
    >
      {PARTS.map((part) => (
        <Select
          key={part}
          label={LABELS[part]}
          value={filter[part] ?? ALL}
          className="min-w-0 max-w-full"
          options={[
            { value: ALL, title: 'All' },
            ...choices(part, filter, counts).map((value) => ({
              value,
              title: part === 'reason' ? explain(value).title : value,
            })),
          ]}
          onChange={(value) => onChange({ ...filter, [part]: value === ALL ? null : value })}
        />
      ))}
      <Check
        label="Include resolved"
        checked={filter.resolved}
        onChange={(resolved) => onChange({ ...filter, resolved })}
      />
      {isNarrow(filter) && (
        <Button look="bare" onClick={() => onChange({ ...filter, stream: null, topic: null, reason: null })}>
          Show all
        </Button>
      )}
    </form>
  );
}
