'use client';

import { type FormEvent, useState } from 'react';
import { useStore } from '@/api/store';
import { Button } from '@/ui/button';
import { TextField } from '@/ui/fields';
import { closeMenu, Menu } from '@/ui/menu';
import { keepSaved, renamedSaved, type Saved, savedStore, withoutSaved, withSaved } from './saved';

interface Props {
  /** Of the dashboard at hand. */
  name: string | undefined;
  /** Its address, without the name. */
  address(): string;
  onName(name: string | undefined): void;
  onOpen(saved: Saved): void;
  onNew(): void;
}

export function SavedMenu({ name, address, onName, onOpen, onNew }: Props) {
  const [all] = useState(savedStore);
  const saved = useStore(all);
  const [said, say] = useState('');
  return (
    <Menu title="Saved">
      <SaveForm
        // The name at hand is what is offered.
        key={name ?? ''}
        name={name}
        isTaken={(wanted) => wanted !== name && saved.some((each) => each.name === wanted)}
        onSave={(as) => {
          keepSaved(withSaved(saved, { name: as, address: address() }));
          onName(as);
          say(`Saved as “${as}” in this browser.`);
        }}
      />
      <p role="status" className="mt-1 text-good empty:hidden">
        {said}
      </p>
      {saved.length === 0 && <p className="mt-2 text-muted">Nothing is saved in this browser yet.</p>}
      <ul className="mt-2 max-h-72 overflow-y-auto">
        {saved.map((each) => (
          <Entry
            key={each.name}
            entry={each}
            isOpen={each.name === name}
            onOpen={() => onOpen(each)}
            onRename={(next) => {
              keepSaved(renamedSaved(saved, each.name, next));
              if (each.name === name) onName(next);
            }}
            onDelete={() => {
              keepSaved(withoutSaved(saved, each.name));
              if (each.name === name) onName(undefined);
            }}
          />
        ))}
      </ul>
      <div className="mt-2 border-line border-t pt-2">
        <Button
          look="bare"
          onClick={(event) => {
            closeMenu(event);
            onNew();
          }}
        >
          New dashboard
        </Button>
      </div>
    </Menu>
  );
}

interface SaveFormProps {
  name: string | undefined;
  isTaken(name: string): boolean;
  onSave(name: string): void;
}

function SaveForm({ name = '', isTaken, onSave }: SaveFormProps) {
  const [wanted, setWanted] = useState(name);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSave(wanted.trim());
  };
  return (
    <form onSubmit={submit} className="flex items-end gap-2">
      <TextField
        label="Save this dashboard as"
        required
        pattern=".*\S.*"
        maxLength={80}
        className="min-w-0 flex-1"
        value={wanted}
        onChange={(event) => setWanted(event.target.value)}
      />
      <Button type="submit">{isTaken(wanted.trim()) ? 'Replace' : 'Save'}</Button>
    </form>
  );
}

interface EntryProps {
  entry: Saved;
  isOpen: boolean;
  onOpen(): void;
  onRename(name: string): void;
  onDelete(): void;
}

function Entry({ entry: { name }, isOpen, onOpen, onRename, onDelete }: EntryProps) {
  const [renaming, setRenaming] = useState(false);
  const rename = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const next = String(new FormData(event.currentTarget).get('name')).trim();
    if (next) onRename(next);
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
      <Button look="bare" className="mr-auto truncate" aria-current={isOpen || undefined} onClick={onOpen}>
        {isOpen && <span aria-hidden="true">✓</span>}
        {name}
      </Button>
      <Button look="bare" onClick={() => setRenaming(true)} aria-label={`Rename ${name}`}>
        Rename
      </Button>
      <Button look="bare" onClick={onDelete} aria-label={`Delete ${name}`}>
        Delete
      </Button>
    </li>
  );
}
