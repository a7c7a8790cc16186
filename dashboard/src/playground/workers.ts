/**
 * Where Monaco gets its workers from: this origin. GraphiQL's own `setup-workers/webpack` does the
 * same, but writes a line to the console for each.
 */
function getWorker(_id: string, label: string): Worker {
  switch (label) {
    case 'graphql':
      return new Worker(new URL('monaco-graphql/esm/graphql.worker.js', import.meta.url));
    case 'json':
      return new Worker(new URL('monaco-editor/esm/vs/language/json/json.worker.js', import.meta.url));
    default:
      return new Worker(new URL('monaco-editor/esm/vs/editor/editor.worker.js', import.meta.url));
  }
}

Object.assign(globalThis, { MonacoEnvironment: { getWorker } });
