import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useDoor } from '@/api/auth';
import { may } from '@/api/session';
import { Button } from '@/ui/button';
import { EXAMPLES, type Example, variablesOf } from './examples';

/** Opens examples in tabs of their own; one that is open already is shown again. */
function useOpenExample(): (example: Example) => void {
  const { addTab, changeTab, stop } = useGraphiQLActions();
  const tabs = useGraphiQL((state) => state.tabs);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  return (example) => {
    stop();
    const open = tabs.findIndex(({ query }) => query === example.query);
    if (open >= 0) return changeTab(open);
    addTab();
    queryEditor?.setValue(example.query);
    variableEditor?.setValue(variablesOf(example));
  };
}

export function ExamplesMenu() {
  const open = useOpenExample();
  const { session } = useDoor();
  const ready = useGraphiQL((state) => Boolean(state.queryEditor && state.variableEditor));
  return (
    <nav aria-label="Example operations" className="mb-2 overflow-x-auto py-1">
      <ul className="flex gap-1.5">
        {EXAMPLES.filter(({ needs }) => !needs || may(session, needs)).map((example) => (
          <li key={example.title}>
            <Button disabled={!ready} onClick={() => open(example)} className="whitespace-nowrap">
              {example.title}
            </Button>
          </li>
        ))}
      </ul>
    </nav>
  );
}
