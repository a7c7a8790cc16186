import { expect, test } from 'vitest';
import { encodeDashboard } from './address';
import { DEFAULT_VIEW, newPanel } from './dashboard';
import { isEdited, keepLast, lastDashboard, readSaved, renamedSaved, withoutSaved, withSaved } from './saved';

const storageWith = (text: string | null) => ({ getItem: () => text, setItem() {} });
const A = { name: 'a', address: '?d=1.a' };
const B = { name: 'b', address: '?d=1.b' };

test('what is stored is read, and what is no dashboard left out', () => {
  expect(readSaved(storageWith(JSON.stringify([A, { name: 1 }, null, 'x'])))).toEqual([A]);
  expect(readSaved(storageWith('{'))).toEqual([]);
  expect(readSaved(storageWith('{}'))).toEqual([]);
  expect(readSaved(storageWith(null))).toEqual([]);
});

test('a name stands once, in the order of names', () => {
  expect(withSaved([B], A)).toEqual([A, B]);
  expect(withSaved([A, B], { name: 'a', address: '?d=1.c' })).toEqual([{ name: 'a', address: '?d=1.c' }, B]);
});

test('a dashboard can be renamed, also to a name that is taken, and forgotten', () => {
  expect(renamedSaved([A, B], 'a', 'c')).toEqual([B, { ...A, name: 'c' }]);
  expect(renamedSaved([A, B], 'a', 'b')).toEqual([{ ...A, name: 'b' }]);
  expect(renamedSaved([A], 'x', 'y')).toEqual([A]);
  expect(withoutSaved([A, B], 'a')).toEqual([B]);
});

test('a dashboard is edited once its panels are others than those that were saved, whatever its time', () => {
  const panels = [newPanel({ metric: 'cpu', matchers: [] })];
  const saved = { name: 'a', address: encodeDashboard({ view: { kind: 'live', span: 60_000 }, panels }) };
  expect(isEdited(saved, [newPanel({ metric: 'cpu', matchers: [] })])).toBe(false);
  expect(isEdited(saved, [newPanel({ metric: 'load', matchers: [] })])).toBe(true);
  expect(isEdited({ name: 'a', address: '?d=9.x' }, panels)).toBe(true);
});

test('the last dashboard comes back with its name, and none where it was empty or cannot be read', () => {
  let text: string | null = null;
  const storage = {
    getItem: () => text,
    setItem(_: string, value: string) {
      text = value;
    },
  };
  expect(lastDashboard(storage)).toBeUndefined();
  keepLast({ name: 'Keys', view: DEFAULT_VIEW, panels: [newPanel({ metric: 'cpu', matchers: [] })] }, storage);
  expect(lastDashboard(storage)).toMatchObject({ name: 'Keys', panels: [{ selector: { metric: 'cpu' } }] });
  keepLast({ view: DEFAULT_VIEW, panels: [] }, storage);
  expect(lastDashboard(storage)).toBeUndefined();
  text = '?d=1.damaged';
  expect(lastDashboard(storage)).toBeUndefined();
});
