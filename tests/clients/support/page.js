// A page for React, in this process.

import { Window } from 'happy-dom';
import { createElement } from 'react';

const window = new Window();
Object.assign(globalThis, { window, document: window.document });
globalThis.navigator ??= window.navigator;
// It looks for a page when it is loaded.
const { createRoot } = await import('react-dom/client');

/** Renders a component that calls `use`, and gives what that gave last. */
export function mount(use, wrap = (element) => element) {
  let last;
  const Probe = ({ use }) => {
    last = use();
    return null;
  };
  const root = createRoot(window.document.createElement('div'));
  const render = (use) => root.render(wrap(createElement(Probe, { use })));
  render(use);
  return { state: () => last, render, unmount: () => root.unmount() };
}
