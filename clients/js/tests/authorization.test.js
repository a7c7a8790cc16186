import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { authorization } from '../dist/resume/authorization.js';

const turns = () => new Promise((resolve) => setImmediate(resolve));

test('a credential that is taken, but expired by this clock, is renewed less and less often', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-01-31T12:00:00Z') });
  try {
    const { on } = authorization(() => 'a token');
    const expires = '2026-01-31T11:00:00Z';
    const pings = [];
    const socket = { send: (message) => pings.push(JSON.parse(message)) };
    on.connected(socket, { expires });
    for (let second = 0, answered = 0; second < 60; second++) {
      mock.timers.tick(1_000);
      await turns();
      for (; answered < pings.length; answered++) on.pong(true, { auth: 'ok', expires });
    }
    assert.deepEqual(pings[0], { type: 'ping', payload: { token: 'a token' } });
    assert.ok(pings.length >= 4 && pings.length <= 8, `${pings.length} in a minute`);
    on.closed();
  } finally {
    mock.timers.reset();
  }
});
