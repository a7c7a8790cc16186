'use client';

import { type FormEvent, useState } from 'react';
import { useStore } from '@/api/store';
import { Button } from '@/ui/button';
import { TextField } from '@/ui/fields';
import { Menu } from '@/ui/menu';
import { keepSaved, renamedSaved, type Saved, savedStore, withoutSaved, withSaved } from './saved';

interface Props {
  /** That of the dashboard at hand. */
  address(): string;
  onOpen(address: string): void;
}

export function SavedMenu({ address, onOpen }: Props) {
  const [all] = useState(savedStore);
  const saved = useStore(all);
  const [name, setName] = useState('');
  const save = (event: FormEvent) => {
    event.preventDefault();
    keepSaved(withSaved(saved, { name: name.trim(), address: address() }));
    setName('');
  };
  return (
    <Menu title="Saved">
      <form onSubmit={save} className="flex items-end gap-2">
        <TextField
          label="Save this dashboard as"
          required
          pattern=".*\S.*"
          maxLength={80}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <Button type="submit">Save</Button>
      </form>
      {saved.length === 0 && <p className="mt-2 text-muted">Nothing is saved in this browser yet.</p>}
      <ul className="mt-2 max-h-72 overflow-y-auto">
        {saved.map((each) => (
          <Entry key={each.name} entry={each} all={saved} onOpen={onOpen} />
        ))}
      </ul>
    </Menu>
  );
}

interface EntryProps {
  entry: Saved;
  all: readonly Saved[];
  onOpen(address: string): void;
}

function Entry({ entry: { name, address }, all, onOpen }: EntryProps) {
  const [renaming, setRenaming] = useState(false);
  const rename = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const next = String(new FormData(event.currentTarget).get('name')).trim();
    if (next) keepSaved(renamedSaved(all, name, next));
    setRenaming(false);
  };
  if (renaming) {
    return (
      <li>
        <form onSubmit={rename} className="flex items-end gap-2 py-1">
          <TextField label={`Another name for ${name}`} hideLabel name="name" defaultValue={name} autoFocus />
          <Button type="submit">Rename</Button>
        </form>
      </li>
    );
  }
  return (
    <li className="flex items-center gap-1 py-1">
      <Button look="bare" className="mr-auto truncate" onClick={() => onOpen(address)}>
        {name}
      </Button>
      <Button look="bare" onClick={() => setRenaming(true)} aria-label={`Rename ${name}`}>
        Rename
      </Button>
      <Button look="bare" onClick={() => keepSaved(withoutSaved(all, name))} aria-label={`Delete ${name}`}>
        Delete
      </Button>
    </li>
  );
}
