import { describe, expect, test } from 'vitest';
import { byKey, dragged, panned, zoomed } from './gestures';

const WINDOW = { from: 100, to: 200 };

test('panning keeps the length', () => {
  expect(panned(WINDOW, 0.5)).toEqual({ from: 150, to: 250 });
});

test('zooming keeps what is under the pointer', () => {
  expect(zoomed(WINDOW, 0.5, 0.25)).toEqual({ from: 112.5, to: 162.5 });
  expect(zoomed(WINDOW, 2)).toEqual({ from: 50, to: 250 });
});

test('nothing is zoomed out of sight', () => {
  const { from, to } = zoomed(WINDOW, 1e-9);
  expect(to - from).toBeGreaterThan(0);
});

test('keys move, zoom and lead back to the present', () => {
  expect(byKey('ArrowRight', WINDOW)).toEqual({ from: 115, to: 215 });
  expect(byKey('PageUp', WINDOW)).toEqual({ from: 0, to: 100 });
  expect(byKey('+', WINDOW)).toMatchObject({ from: expect.closeTo(116.67, 1) });
  expect(byKey('Home', WINDOW)).toBe('live');
  expect(byKey('a', WINDOW)).toBeUndefined();
});

describe('fingers on a chart of 100 pixels', () => {
  test('one of them moves the window with it', () => {
    expect(dragged(WINDOW, 100, [50], [70])).toEqual({ from: 80, to: 180 });
  });

  test('two that part make the window shorter around them', () => {
    expect(dragged(WINDOW, 100, [40, 60], [30, 70])).toEqual({ from: 125, to: 175 });
  });

  test('two that move together move it', () => {
    expect(dragged(WINDOW, 100, [40, 60], [50, 70])).toEqual({ from: 90, to: 190 });
  });
});
