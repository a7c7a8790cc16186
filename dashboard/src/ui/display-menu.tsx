'use client';

import { useEffect, useId, useState } from 'react';
import { useStore } from '@/api/store';
import { Button } from './button';
import { chooseFullWidth, chooseKiosk, fullWidth, kiosk } from './display';
import { Check, Select } from './fields';
import { SlidersIcon } from './icons';
import { closeMenu, Menu } from './menu';
import { chooseZone, LOCAL, UTC, zone } from './zone';

/** Time zone, width and kiosk mode. */
export function DisplayMenu() {
  const isFull = useStore(fullWidth, false);
  const [zones, setZones] = useState<readonly string[]>();
  // Several hundred: not before somebody looks.
  const look = () => setZones(Intl.supportedValuesOf('timeZone'));
  return (
    <Menu title={<SlidersIcon />} label="Display" onOpen={look}>
      <div className="flex w-64 flex-col gap-3">
        {zones && <ZoneChoice zones={zones} />}
        <Check label="Full width" checked={isFull} onChange={chooseFullWidth} />
        <Button
          onClick={(event) => {
            closeMenu(event);
            chooseKiosk(true);
          }}
        >
          Kiosk mode
        </Button>
      </div>
    </Menu>
  );
}

/** `zones`: beside the local one, UTC and that which is chosen. */
function ZoneChoice({ zones }: { zones: readonly string[] }) {
  const chosen = useStore(zone, LOCAL);
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const named = new Set([LOCAL, UTC, chosen, ...zones]);
  return (
    <Select
      label="Time zone"
      value={chosen}
      className="w-full"
      options={[...named].map((value) => ({ value, title: value === LOCAL ? `Local (${own})` : value }))}
      onChange={chooseZone}
    />
  );
}

/** How to leave kiosk mode: told at first, then there for who looks for it. */
export function LeaveKiosk() {
  const isKiosk = useStore(kiosk, false);
  const id = useId();
  useEffect(() => {
    if (!isKiosk) return;
    const leave = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.defaultPrevented) chooseKiosk(false);
    };
    document.addEventListener('keydown', leave);
    return () => document.removeEventListener('keydown', leave);
  }, [isKiosk]);
  if (!isKiosk) return null;
  return (
    <div className="fixed top-0 right-0 z-40 animate-fade p-2 opacity-0 focus-within:opacity-100 hover:opacity-100 pointer-coarse:opacity-70">
      <Button aria-describedby={id} className="shadow-lg" onClick={() => chooseKiosk(false)}>
        Leave kiosk mode
      </Button>
      <span id={id} className="sr-only">
        Escape does so too.
      </span>
    </div>
  );
}
