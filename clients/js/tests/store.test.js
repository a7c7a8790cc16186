import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { running } from '../dist/src/store.js';

/** A store whose source the test plays. */
function stage() {
  const said = { started: 0, ended: 0, changed: undefined };
  const store = running(0, (changed) => {
    said.started += 1;
    said.changed = (value) => changed(() => value);
    return () => (said.ended += 1);
  });
  return { said, store };
}

test('it runs while somebody listens', () => {
  const { said, store } = stage();
  assert.equal(said.started, 0);
  const [leave, other] = [store.subscribe(() => {}), store.subscribe(() => {})];
  leave();
  leave();
  assert.deepEqual([said.started, said.ended], [1, 0]);
  other();
  assert.deepEqual([said.started, said.ended], [1, 1]);
  store.subscribe(() => {})();
  assert.deepEqual([said.started, said.ended], [2, 2]);
});

test('what changes within a frame is told once, and nothing after the end', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const { said, store } = stage();
    const seen = [];
    const leave = store.subscribe(() => seen.push(store.get()));
    said.changed(1);
    said.changed(2);
    assert.deepEqual(seen, []);
    mock.timers.tick(16);
    said.changed(3);
    mock.timers.tick(16);
    assert.deepEqual(seen, [2, 3]);
    said.changed(4);
    leave();
    mock.timers.tick(16);
    assert.equal(store.get(), 3);
  } finally {
    mock.timers.reset();
  }
});
