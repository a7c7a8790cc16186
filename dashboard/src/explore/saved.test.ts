import { expect, test } from 'vitest';
import { readSaved, renamedSaved, withoutSaved, withSaved } from './saved';

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
