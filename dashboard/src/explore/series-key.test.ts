import { expect, test } from 'vitest';
import { labelsOf, lineNames } from './series-key';

test('labels are read from a key, whatever their values hold', () => {
  expect(labelsOf('cpu{}')).toEqual([]);
  expect(labelsOf('cpu{host="a",path="C:\\\\x,\\"y\\"={z}\\n"}')).toEqual([
    { name: 'host', value: 'a' },
    { name: 'path', value: 'C:\\x,"y"={z}\n' },
  ]);
});

test('lines are named by the labels that tell them apart, without their metric', () => {
  expect(lineNames(['cpu{host="a",site="n"}', 'cpu{host="b",site="n"}'])).toEqual(['host=a', 'host=b']);
  expect(lineNames(['cpu{host="a"}'])).toEqual(['host=a']);
  expect(lineNames(['cpu{host="a"}', 'cpu{}'])).toEqual(['host=a', 'cpu']);
});

test('the metric stands where lines differ in it, or have no label', () => {
  expect(lineNames(['cpu{host="a"}', 'load{host="a"}'])).toEqual(['cpu', 'load']);
  expect(lineNames(['cpu{}'])).toEqual(['cpu']);
  expect(lineNames(['{}'])).toEqual(['all series']);
});
