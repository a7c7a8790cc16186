'use client';

import { useState } from 'react';
import { Button } from '@/ui/button';
import { Empty } from '@/ui/states';
import { duplicated, moved, newPanel, PANELS_MAX, type Panel, removed, replaced } from './dashboard';
import { type PanelActions, PanelCard } from './panel-card';
import { SavedMenu } from './saved-menu';
import { Share } from './share';
import { Start } from './start';
import { TimeBar } from './time-bar';
import { useDashboard } from './use-dashboard';

export function Explore() {
  const { panels, views, address, open, setPanels, problem } = useDashboard();
  const [added, setAdded] = useState<string>();
  const add = (panel: Panel) => setPanels((all) => [...all, panel]);
  const addEmpty = () => {
    const panel = newPanel({ metric: '', matchers: [] });
    setAdded(panel.id);
    add(panel);
  };
  const actionsOf = (panel: Panel): PanelActions => ({
    change: (next) => setPanels((all) => replaced(all, next)),
    remove: () => setPanels((all) => removed(all, panel.id)),
    duplicate: () => setPanels((all) => duplicated(all, panel.id)),
    move: (by) => setPanels((all) => moved(all, panel.id, all.findIndex(({ id }) => id === panel.id) + by)),
    drop: (id) =>
      setPanels((all) =>
        moved(
          all,
          id,
          all.findIndex((other) => other.id === panel.id),
        ),
      ),
  });

  return (
    <>
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <h1 className="sr-only">Explore</h1>
        <TimeBar views={views} />
        <div className="ml-auto flex flex-wrap items-center gap-2">
          <Button onClick={addEmpty} disabled={panels.length >= PANELS_MAX} look="primary">
            Add panel
          </Button>
          <SavedMenu address={address} onOpen={open} />
          <Share address={address} />
        </div>
      </div>
      {problem && <Empty title="This link cannot be shown">{problem}</Empty>}
      {!problem && panels.length === 0 && <Start onChoose={(selector) => add(newPanel(selector))} onOpen={open} />}
      <div className="grid grid-cols-1 gap-3 lg:grid-cols-6">
        {panels.map((panel) => (
          <PanelCard key={panel.id} panel={panel} views={views} actions={actionsOf(panel)} isNew={panel.id === added} />
        ))}
      </div>
    </>
  );
}
