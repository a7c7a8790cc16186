import { Button } from '@/ui/button';

interface Props {
  title: string;
  onUndo(): void;
  onDismiss(): void;
}

/** In the place of a panel that was removed. It has the focus, which the panel had. */
export function RemovedPanel({ title, onUndo, onDismiss }: Props) {
  return (
    <div
      role="status"
      className="flex flex-wrap items-center gap-2 rounded-lg border border-control border-dashed px-3 py-2 lg:col-span-6"
    >
      <span className="mr-auto min-w-0 truncate">Removed “{title}”.</span>
      <Button autoFocus onClick={onUndo}>
        Undo
      </Button>
      <Button look="bare" aria-label="Dismiss" onClick={onDismiss}>
        ✕
      </Button>
    </div>
  );
}
