import { afterEach, expect, test } from 'vitest';
import { kiosk, withKiosk } from './display';

afterEach(() => kiosk.set(false));

test('an address carries kiosk mode while it is on, once', () => {
  expect(withKiosk('?metric=cpu&kiosk')).toBe('?metric=cpu');
  kiosk.set(true);
  expect(withKiosk('')).toBe('?kiosk');
  expect(withKiosk('?metric=cpu')).toBe('?metric=cpu&kiosk');
  expect(withKiosk('?kiosk=&metric=cpu')).toBe('?metric=cpu&kiosk');
});
