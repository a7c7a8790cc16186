import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readAddress } from './address';
import { DEMO_BOARD } from './demo-board';

test('the board of the demo shows metrics that the demo sends', () => {
  const reading = readAddress(DEMO_BOARD);
  const panels = reading && 'dashboard' in reading ? reading.dashboard.panels : [];
  const senders = readFileSync(new URL('../../../src/demo/senders.rs', import.meta.url), 'utf8');
  expect(panels.length).toBeGreaterThan(0);
  for (const { selector } of panels) expect(senders).toContain(`#"${selector.metric}{`);
});

test('there is no other board in the program', () => {
  expect(readAddress('?board=mine')).toBeUndefined();
});
