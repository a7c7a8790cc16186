'use client';

import { useState } from 'react';
import { useStore } from '@/api/store';
import { Button } from '@/ui/button';
import type { Panel } from './dashboard';
import { isEdited, keepSaved, savedStore, withSaved } from './saved';

interface Props {
  name: string | undefined;
  panels: readonly Panel[];
  /** Without the name. */
  address(): string;
}

/** The page's title: the name of the dashboard, if it has one, and whether it is as it was saved. */
export function BoardName({ name, panels, address }: Props) {
  const [all] = useState(savedStore);
  const saved = useStore(all);
  if (!name) return <h1 className="sr-only">Explore</h1>;
  const own = saved.find((each) => each.name === name);
  const isOther = own === undefined || isEdited(own, panels);
  return (
    <div className="flex min-w-0 items-center gap-2">
      <h1 className="truncate font-semibold text-lg">{name}</h1>
      {isOther && (
        <Button look="bare" onClick={() => keepSaved(withSaved(saved, { name, address: address() }))}>
          {own ? 'Save changes' : 'Save'}
        </Button>
      )}
    </div>
  );
}
