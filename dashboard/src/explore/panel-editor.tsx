'use client';

import { type ReactNode, useState } from 'react';
import { Button } from '@/ui/button';
import { Check, Select, TextField } from '@/ui/fields';
import { NONE, UNIT_TITLES } from '@/ui/units';
import { type Panel, WIDTHS } from './dashboard';
import { ownUnit } from './panel-unit';
import { ACROSS, FILLS, METHODS, type Method, STEP_CHOICES } from './plan';
import { SelectorEditor } from './selector-editor';

const METHOD_TITLES: Record<Method, string> = {
  auto: 'Automatic',
  points: 'Stored points',
  avg: 'Mean',
  min: 'Minimum',
  max: 'Maximum',
  sum: 'Sum',
  count: 'Number of points',
  first: 'First',
  last: 'Last',
  stddev: 'Standard deviation',
  increase: 'Increase (counter)',
  rate: 'Rate per second (counter)',
  delta: 'Difference',
  p50: 'Median',
  p90: '90th percentile',
  p95: '95th percentile',
  p99: '99th percentile',
};
const FILL_TITLES = { none: 'Leave out', null: 'Show nulls', previous: 'Previous value', linear: 'Straight line' };
const WIDTH_TITLES = { full: 'Full', half: 'Half', third: 'Third' };
const ACROSS_TITLES = { avg: 'Mean', sum: 'Sum', min: 'Minimum', max: 'Maximum', count: 'Number of series' };

const titled = <T extends string>(values: readonly T[], titles: Record<T, string>) =>
  values.map((value) => ({ value, title: titles[value] }));

interface Props {
  panel: Panel;
  onChange(panel: Panel): void;
  onDone(): void;
}

type Set = (change: { [Key in keyof Panel]?: Panel[Key] | undefined }) => void;

export function PanelEditor({ panel, onChange, onDone }: Props) {
  const set: Set = (change) => onChange(without({ ...panel, ...change } as Panel));
  const isBuckets = panel.method !== 'points';
  return (
    <div className="mt-3 border-line border-t pt-3">
      <div className="grid gap-4 lg:grid-cols-2">
        <SelectorEditor selector={panel.selector} onChange={(selector) => set({ selector })} />
        <div className="flex flex-col gap-3">
          <Fields>
            <Select
              label="Show"
              value={panel.method}
              options={titled(METHODS, METHOD_TITLES)}
              onChange={(method) => set({ method })}
            />
            {isBuckets && (
              <>
                <Select
                  label="Resolution"
                  value={panel.step ?? 'auto'}
                  options={['auto', ...STEP_CHOICES]}
                  onChange={(step) => set({ step: step === 'auto' ? undefined : step })}
                />
                <Select
                  label="Gaps"
                  value={panel.fill}
                  options={titled(FILLS, FILL_TITLES)}
                  onChange={(fill) => set({ fill })}
                />
                <Grouping panel={panel} set={set} />
              </>
            )}
          </Fields>
          {isBuckets && <Check label="Min–max band" checked={panel.band} onChange={(band) => set({ band })} />}
          <Fields>
            <TextField
              label="Title"
              value={panel.title ?? ''}
              onChange={(event) => set({ title: event.target.value })}
            />
            <Select
              label="Width"
              value={panel.width}
              options={titled(WIDTHS, WIDTH_TITLES)}
              onChange={(width) => set({ width })}
            />
            <UnitChoice panel={panel} set={set} />
            <Bound label="Axis from" value={panel.low} onChange={(low) => set({ low })} />
            <Bound label="Axis to" value={panel.high} onChange={(high) => set({ high })} />
          </Fields>
        </div>
      </div>
      <div className="mt-3 flex justify-end">
        <Button look="primary" onClick={onDone}>
          Done
        </Button>
      </div>
    </div>
  );
}

/** An option that is taken back is left out, not undefined. */
const without = (panel: Panel): Panel =>
  Object.fromEntries(
    Object.entries(panel).filter(([, value]) => value !== undefined && value !== ''),
  ) as unknown as Panel;

function Grouping({ panel: { group }, set }: { panel: Panel; set: Set }) {
  return (
    <>
      <Select
        label="Combine"
        value={group?.across ?? NONE}
        options={[{ value: NONE, title: 'None' }, ...titled(ACROSS, ACROSS_TITLES)]}
        onChange={(across) => set({ group: across === NONE ? undefined : { across, by: group?.by ?? [] } })}
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
    </>
  );
}

const AUTO = 'auto';
const OTHER = 'other';

function UnitChoice({ panel, set }: { panel: Panel; set: Set }) {
  const { unit } = panel;
  const isKnown = unit === undefined || unit === NONE || Object.hasOwn(UNIT_TITLES, unit);
  const [isOther, setOther] = useState(!isKnown);
  const own = ownUnit(panel);
  const choose = (choice: string) => {
    setOther(choice === OTHER);
    set({ unit: choice === AUTO || choice === OTHER ? undefined : choice });
  };
  return (
    <>
      <Select
        label="Unit"
        value={isOther ? OTHER : (unit ?? AUTO)}
        options={[
          { value: AUTO, title: `Automatic (${own === 'ratio' ? '%' : own || 'none'})` },
          { value: NONE, title: 'None' },
          ...Object.entries(UNIT_TITLES).map(([value, title]) => ({ value, title })),
          { value: OTHER, title: 'Other…' },
        ]}
        onChange={choose}
      />
      {isOther && (
        <TextField
          label="Name of the unit"
          placeholder="req/s"
          maxLength={20}
          value={unit ?? ''}
          onChange={(event) => set({ unit: event.target.value })}
        />
      )}
    </>
  );
}

interface BoundProps {
  label: string;
  value: number | undefined;
  onChange(value?: number): void;
}

function Bound({ label, value, onChange }: BoundProps) {
  return (
    <TextField
      label={label}
      type="number"
      step="any"
      placeholder="auto"
      defaultValue={value ?? ''}
      onBlur={({ target }) => onChange(Number.isFinite(target.valueAsNumber) ? target.valueAsNumber : undefined)}
    />
  );
}

const Fields = ({ children }: { children: ReactNode }) => (
  <div className="grid grid-cols-2 items-end gap-2 sm:grid-cols-3">{children}</div>
);
