'use client';

import type { ReactNode } from 'react';
import { Select, TextField } from '@/ui/fields';
import { type Panel, WIDTHS } from './dashboard';
import { ACROSS, FILLS, METHODS, type Method, STEP_CHOICES } from './plan';
import { SelectorEditor } from './selector-editor';

const METHOD_TITLES: Partial<Record<Method, string>> = {
  auto: 'Automatic',
  points: 'Stored points',
  avg: 'Mean',
  stddev: 'Standard deviation',
  increase: 'Increase (counter)',
  rate: 'Rate per second (counter)',
  delta: 'Difference',
};
const FILL_TITLES = {
  none: 'A gap',
  null: 'Show nulls',
  previous: 'The value before',
  linear: 'A straight line',
} as const;

interface Props {
  panel: Panel;
  onChange(panel: Panel): void;
}

export function PanelEditor({ panel, onChange }: Props) {
  const set = (change: Partial<Panel>) => onChange(without({ ...panel, ...change }));
  const isBuckets = panel.method !== 'points';
  return (
    <div className="mt-3 grid gap-4 border-line border-t pt-3 lg:grid-cols-2">
      <SelectorEditor selector={panel.selector} onChange={(selector) => set({ selector })} />
      <div className="flex flex-wrap content-start items-end gap-2">
        <Select
          label="Show"
          value={panel.method}
          options={METHODS.map((value) => ({ value, title: METHOD_TITLES[value] ?? value }))}
          onChange={(method) => set({ method })}
        />
        {isBuckets && (
          <>
            <Select
              label="Resolution"
              value={panel.step ?? 'auto'}
              options={[{ value: 'auto', title: 'auto' }, ...STEP_CHOICES]}
              onChange={(step) => set({ step: step === 'auto' ? undefined : step } as Partial<Panel>)}
            />
            <Select
              label="Gaps"
              value={panel.fill}
              options={FILLS.map((value) => ({ value, title: FILL_TITLES[value] }))}
              onChange={(fill) => set({ fill })}
            />
            <Grouping panel={panel} set={set} />
            <Check label="Min–max band" checked={panel.band} onChange={(band) => set({ band })} />
          </>
        )}
        <Row>
          <TextField label="Title" value={panel.title ?? ''} onChange={(event) => set({ title: event.target.value })} />
          <Select label="Width" value={panel.width} options={WIDTHS} onChange={(width) => set({ width })} />
        </Row>
        <Row>
          <TextField
            label="Unit"
            className="w-24"
            value={panel.unit ?? ''}
            onChange={(event) => set({ unit: event.target.value })}
          />
          <Bound label="Axis from" value={panel.low} onChange={(low) => set({ low } as Partial<Panel>)} />
          <Bound label="Axis to" value={panel.high} onChange={(high) => set({ high } as Partial<Panel>)} />
        </Row>
      </div>
    </div>
  );
}

/** An option that is taken back is left out, not undefined. */
const without = (panel: Panel): Panel =>
  Object.fromEntries(
    Object.entries(panel).filter(([, value]) => value !== undefined && value !== ''),
  ) as unknown as Panel;

function Grouping({ panel: { group }, set }: { panel: Panel; set(change: Partial<Panel>): void }) {
  const across = group?.across ?? 'none';
  return (
    <Row>
      <Select
        label="Combine"
        value={across}
        options={[{ value: 'none', title: 'none' }, ...ACROSS]}
        onChange={(value) =>
          set({ group: value === 'none' ? undefined : { across: value, by: group?.by ?? [] } } as Partial<Panel>)
        }
      />
      {group && (
        <TextField
          label="Except by labels"
          placeholder="site, host"
          defaultValue={group.by.join(', ')}
          onBlur={(event) => {
            const by = event.target.value.split(',').map((label) => label.trim());
            set({ group: { ...group, by: by.filter(Boolean) } });
          }}
        />
      )}
    </Row>
  );
}

function Bound({
  label,
  value,
  onChange,
}: {
  label: string;
  value: number | undefined;
  onChange(value?: number): void;
}) {
  return (
    <TextField
      label={label}
      type="number"
      step="any"
      className="w-28"
      defaultValue={value ?? ''}
      onBlur={({ target }) => onChange(Number.isFinite(target.valueAsNumber) ? target.valueAsNumber : undefined)}
    />
  );
}

function Check({ label, checked, onChange }: { label: string; checked: boolean; onChange(checked: boolean): void }) {
  return (
    <label className="flex min-h-8 items-center gap-2">
      <input
        type="checkbox"
        className="accent-accent"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
      {label}
    </label>
  );
}

const Row = ({ children }: { children: ReactNode }) => <div className="flex flex-wrap items-end gap-2">{children}</div>;
