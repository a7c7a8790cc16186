'use client';

import { type FormEvent, useState } from 'react';
import { useStore } from '@/api/store';
import { Button } from '@/ui/button';
import { Select, TextField } from '@/ui/fields';
import { time } from '@/ui/format';
import { Menu } from '@/ui/menu';
import { fromWall, LOCAL, zone } from '@/ui/zone';
import { parseSpan } from './moment';
import { SPANS, spanTitle, type View } from './view';
import type { Views } from './views';

/** Which time is shown. */
export function TimeBar({ views }: { views: Views }) {
  const view = useStore(views.current);
  const isLive = view.kind === 'live';
  const span = isLive ? spanTitle(view.span) : 'still';
  const known = (SPANS as readonly string[]).includes(span) ? SPANS : [...SPANS, span];
  const options = known.map((each) => ({ value: each, title: each === 'still' ? 'Fixed' : `Last ${each}` }));
  const choose = (chosen: string) => {
    const length = parseSpan(chosen);
    if (length !== undefined) views.set({ kind: 'live', span: length });
  };
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Select label="Time range" hideLabel value={span} options={options} onChange={choose} />
      <Button onClick={() => (isLive ? views.pause() : views.live())}>
        <span aria-hidden="true">{isLive ? '❚❚' : '▶'}</span>
        <span className="max-sm:sr-only">{isLive ? 'Pause' : 'Live'}</span>
      </Button>
      <Button onClick={() => views.back()} aria-label="Back to the time shown before">
        ↶
      </Button>
      <Menu title={isLive ? 'Custom range' : `${time(view.from)} – ${time(view.to)}`}>
        <AbsoluteRange
          key={JSON.stringify(view)}
          view={view}
          onChoose={(from, to) => views.set({ kind: 'still', from, to })}
        />
      </Menu>
    </div>
  );
}

const written = (ms: number) => time(Math.floor(ms / 1_000) * 1_000).replace(' ', 'T');
const read = (text: string) => fromWall(Date.parse(`${text}Z`));

function AbsoluteRange({ view, onChoose }: { view: View; onChoose(from: number, to: number): void }) {
  const now = Date.now();
  const [from, setFrom] = useState(() => written(view.kind === 'live' ? now - view.span : view.from));
  const [to, setTo] = useState(() => written(view.kind === 'live' ? now : view.to));
  const isOrdered = read(from) < read(to);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isOrdered) onChoose(read(from), read(to));
  };
  const of = zone.get() === LOCAL ? '' : ` (${zone.get()})`;
  const field = { type: 'datetime-local', step: 1, required: true } as const;
  return (
    <form onSubmit={submit} className="flex flex-col gap-2">
      <TextField label={`From${of}`} {...field} value={from} onChange={(event) => setFrom(event.target.value)} />
      <TextField label={`To${of}`} {...field} value={to} onChange={(event) => setTo(event.target.value)} />
      {!isOrdered && <p className="text-bad">“From” has to be before “to”.</p>}
      <Button type="submit" look="primary" disabled={!isOrdered}>
        Show
      </Button>
    </form>
  );
}
