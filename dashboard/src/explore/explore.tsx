'use client';

import { useState } from 'react';
import { Button } from '@/ui/button';
import { Empty } from '@/ui/states';
import { BoardName } from './board-name';
import { duplicated, moved, newPanel, PANELS_MAX, type Panel, removed, replaced, restored, titleOf } from './dashboard';
import { NEW } from './link';
import { type PanelActions, PanelCard } from './panel-card';
import { RemovedPanel } from './removed-panel';
import { SavedMenu } from './saved-menu';
import { Share } from './share';
import { Start } from './start';
import { TimeBar } from './time-bar';
import { useDashboard } from './use-dashboard';

export function Explore() {
  const { name, panels, views, address, open, setName, setPanels, problem } = useDashboard();
  const [added, setAdded] = useState<string>();
  const [gone, setGone] = useState<{ panel: Panel; place: number }>();
  const change = (next: (panels: readonly Panel[]) => readonly Panel[]) => {
    setGone(undefined);
    setPanels(next);
  };
  const show = (address: string, name?: string) => {
    setGone(undefined);
    open(address, name);
  };
  const add = (panel: Panel) => change((all) => [...all, panel]);
  const addEmpty = () => {
    const panel = newPanel({ metric: '', matchers: [] });
    setAdded(panel.id);
    add(panel);
  };
  const placeOf = (all: readonly Panel[], id: string) => all.findIndex((panel) => panel.id === id);
  const actionsOf = (panel: Panel): PanelActions => ({
    change: (next) => change((all) => replaced(all, next)),
    remove: () => {
      change((all) => removed(all, panel.id));
      setGone({ panel, place: placeOf(panels, panel.id) });
    },
    duplicate: () => change((all) => duplicated(all, panel.id)),
    move: (by) => change((all) => moved(all, panel.id, placeOf(all, panel.id) + by)),
    drop: (id) => change((all) => moved(all, id, placeOf(all, panel.id))),
  });
  const shown = panels.map((panel) => (
    <PanelCard key={panel.id} panel={panel} views={views} actions={actionsOf(panel)} isNew={panel.id === added} />
  ));
  if (gone) {
    shown.splice(
      gone.place,
      0,
      <RemovedPanel
        key="removed"
        title={titleOf(gone.panel)}
        onUndo={() => change((all) => restored(all, gone.panel, gone.place))}
        onDismiss={() => setGone(undefined)}
      />,
    );
  }

  return (
    <>
      <div className="mb-3 flex in-data-kiosk:hidden flex-wrap items-center gap-2">
        <BoardName name={name} panels={panels} address={() => address(false)} />
        <TimeBar views={views} />
        <div className="ml-auto flex flex-wrap items-center gap-2">
          <Button onClick={addEmpty} disabled={panels.length >= PANELS_MAX} look="primary">
            Add panel
          </Button>
          <SavedMenu
            name={name}
            address={() => address(false)}
            onName={setName}
            onOpen={(saved) => show(saved.address, saved.name)}
            onNew={() => show(NEW)}
          />
          <Share address={() => address()} />
        </div>
      </div>
      {problem && <Empty title="This link cannot be shown">{problem}</Empty>}
      <div className="grid grid-cols-1 gap-3 lg:grid-cols-6">{shown}</div>
      {!problem && panels.length === 0 && <Start onChoose={(selector) => add(newPanel(selector))} onOpen={show} />}
    </>
  );
}
