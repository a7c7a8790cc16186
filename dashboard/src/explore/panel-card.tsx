'use client';

import { type DragEvent, type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import { ApiError } from '@/api/errors';
import { useStore } from '@/api/store';
import { Button } from '@/ui/button';
import { closeMenu, Menu } from '@/ui/menu';
import { Trouble } from '@/ui/states';
import { type Panel, titleOf } from './dashboard';
import { downloadCsv } from './download';
import { exposePanel } from './expose';
import { loadLater, PanelEditor, PointsTable } from './later';
import { Legend } from './legend';
import { PanelChart } from './panel-chart';
import { PanelController } from './panel-controller';
import { PanelNotes, PanelPill } from './panel-state';
import type { Views } from './views';

const COLUMNS = { full: 'lg:col-span-6', half: 'lg:col-span-3', third: 'lg:col-span-2' } as const;
const DRAGGED = 'application/x-streamsync-panel';

export interface PanelActions {
  change(panel: Panel): void;
  remove(): void;
  duplicate(): void;
  /** By so many places. */
  move(by: number): void;
  /** Another panel is dropped here. */
  drop(id: string): void;
}

interface Props {
  panel: Panel;
  views: Views;
  actions: PanelActions;
  /** Its editor is open at first. */
  isNew: boolean;
}

export function PanelCard({ panel, views, actions, isNew }: Props) {
  const controller = usePanelController(panel, views);
  if (!controller) return <div className={`h-96 rounded-lg border border-line bg-card ${COLUMNS[panel.width]}`} />;
  return <Card panel={panel} controller={controller} actions={actions} isNew={isNew} />;
}

function Card({ panel, controller, actions, isNew }: Omit<Props, 'views'> & { controller: PanelController }) {
  const { state } = useStore(controller.feed.news);
  const [editing, setEditing] = useState(isNew);
  const [table, setTable] = useState(false);
  const [trouble, setTrouble] = useState<ApiError>();
  const section = useRef<HTMLElement>(null);
  const title = titleOf(panel);
  const done = () => {
    setEditing(false);
    // What had the focus goes away.
    section.current?.querySelector('summary')?.focus();
  };
  const download = () => {
    setTrouble(undefined);
    downloadCsv(panel, controller.feed.picture, controller.shown).catch((error: Error) =>
      setTrouble(error instanceof ApiError ? error : new ApiError(error.message, 'UNKNOWN')),
    );
  };
  return (
    <section
      ref={section}
      data-panel={panel.id}
      data-state={state.kind}
      aria-label={title}
      className={`min-w-0 rounded-lg border border-line bg-card p-3 ${COLUMNS[panel.width]}`}
      onPointerEnter={loadLater}
      onFocus={loadLater}
      onDragOver={(event) => event.dataTransfer.types.includes(DRAGGED) && event.preventDefault()}
      onDrop={(event) => actions.drop(event.dataTransfer.getData(DRAGGED))}
    >
      <div className="mb-2 flex items-center gap-1">
        <Handle panel={panel} onMove={actions.move} />
        <h2 className="mr-auto truncate font-medium" title={title}>
          {title}
        </h2>
        <PanelPill controller={controller} />
        <div className="in-data-kiosk:hidden">
          <Menu title="⋯" label={`What to do with ${title}`}>
            <Choices>
              {!editing && <Choice onClick={() => setEditing(true)}>Edit</Choice>}
              <Choice onClick={() => setTable(!table)}>{table ? 'Hide the table' : 'Show as a table'}</Choice>
              {state.kind !== 'blank' && <Choice onClick={download}>Download as CSV</Choice>}
              <Choice onClick={() => actions.move(-1)}>Move up</Choice>
              <Choice onClick={() => actions.move(1)}>Move down</Choice>
              <Choice onClick={actions.duplicate}>Duplicate</Choice>
              <Choice onClick={actions.remove}>Remove</Choice>
            </Choices>
          </Menu>
        </div>
      </div>
      <PanelChart controller={controller} title={title} />
      <Legend controller={controller} />
      <PanelNotes controller={controller} />
      {state.kind === 'error' && <Trouble error={state.error} onRetry={() => controller.feed.reload()} />}
      {trouble && <Trouble error={trouble} onRetry={download} />}
      {table && <PointsTable controller={controller} />}
      {editing && <PanelEditor panel={panel} onChange={actions.change} onDone={done} />}
    </section>
  );
}

const Choices = ({ children }: { children: ReactNode }) => <div className="flex flex-col">{children}</div>;

function Choice({ onClick, children }: { onClick(): void; children: string }) {
  const choose = (event: { currentTarget: HTMLElement }) => {
    closeMenu(event);
    onClick();
  };
  return (
    <Button look="bare" className="justify-start" onClick={choose}>
      {children}
    </Button>
  );
}

/** Moves the panel: by dragging, or with the arrow keys. */
function Handle({ panel, onMove }: { panel: Panel; onMove(by: number): void }) {
  const start = (event: DragEvent) => {
    event.dataTransfer.setData(DRAGGED, panel.id);
    event.dataTransfer.effectAllowed = 'move';
  };
  const press = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    onMove(by);
  };
  return (
    <Button
      look="bare"
      draggable
      onDragStart={start}
      onKeyDown={press}
      aria-label={`Move ${titleOf(panel)} with the arrow keys`}
      title="Drag, or use the arrow keys"
      className="cursor-grab in-data-kiosk:hidden px-1 max-sm:hidden"
    >
      ⠿
    </Button>
  );
}

function usePanelController(panel: Panel, views: Views): PanelController | undefined {
  const [controller, setController] = useState<PanelController>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a panel that changes keeps its controller
  useEffect(() => {
    const created = new PanelController(panel, views);
    setController(created);
    const hide = exposePanel(created);
    return () => {
      hide();
      created.stop();
    };
  }, [panel.id, views]);
  useEffect(() => controller?.update(panel), [controller, panel]);
  return controller;
}
