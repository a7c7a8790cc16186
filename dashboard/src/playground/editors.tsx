'use client';

import { DOC_EXPLORER_PLUGIN, DocExplorerStore } from '@graphiql/plugin-doc-explorer';
import { HISTORY_PLUGIN, HistoryStore } from '@graphiql/plugin-history';
import { GraphiQLProvider } from '@graphiql/react';
import { GraphiQLInterface } from 'graphiql';
import { useState } from 'react';
import { authorization } from '@/api/auth';
import { useStore } from '@/api/store';
import { useEditorColours } from './editor-colours';
import { EXAMPLES } from './examples';
import { ExamplesMenu } from './examples-menu';
import { createFetcher } from './fetcher';
import { refusal } from './refusal';
import { useShownTheme } from './theme';
import './workers';
// Not `graphiql/style.css`: it carries Monaco's styles, which come with Monaco, and two families of fonts.
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import './playground.css';

const PLUGINS = [DOC_EXPLORER_PLUGIN, HISTORY_PLUGIN];
const [FIRST] = EXAMPLES;

/** Headers may be secrets: they outlive the page only if its reader has said so in GraphiQL's settings. */
const headersMayPersist = () => localStorage.getItem('graphiql:shouldPersistHeaders') === 'true';

function headersAtFirst(): string | undefined {
  const known = authorization();
  return Object.keys(known).length > 0 ? JSON.stringify(known, null, 2) : undefined;
}

/** What of the last operation one may not do. */
function Refusal() {
  const text = useStore(refusal);
  return (
    <p role="alert" className="mb-2 text-bad empty:hidden">
      {text && `■ ${text}`}
    </p>
  );
}

export default function Editors() {
  const [fetcher] = useState(createFetcher);
  const theme = useShownTheme();
  useEditorColours();
  const [persistHeaders] = useState(headersMayPersist);
  const [headers] = useState(headersAtFirst);
  return (
    <GraphiQLProvider
      fetcher={fetcher}
      plugins={PLUGINS}
      referencePlugin={DOC_EXPLORER_PLUGIN}
      defaultTabs={[{ query: FIRST.query, headers: headers ?? null }]}
      shouldPersistHeaders={persistHeaders}
      {...(headers ? { defaultHeaders: headers } : {})}
    >
      <HistoryStore>
        <DocExplorerStore>
          <ExamplesMenu />
          <Refusal />
          <div className="playground">
            <GraphiQLInterface forcedTheme={theme} defaultEditorToolsVisibility showPersistHeadersSettings />
          </div>
        </DocExplorerStore>
      </HistoryStore>
    </GraphiQLProvider>
  );
}
