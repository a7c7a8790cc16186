import assert from 'node:assert/strict';
import { test } from 'node:test';

import { milliseconds } from '../dist/src/span.js';

test('spans are read as the server reads them', () => {
  for (const [span, wanted] of Object.entries({ '250ms': 250, '15m': 900_000, '1h 30m': 5_400_000, '1h30m': 5_400_000, '7d': 604_800_000, '2w': 1_209_600_000 })) {
    assert.equal(milliseconds(span), wanted, span);
  }
});

test('what is none is refused', () => {
  for (const span of ['', '15', 'm', '1.5h', '-1h', '15m ago']) assert.throws(() => milliseconds(span), RangeError, span);
});
