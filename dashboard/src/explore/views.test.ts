import { expect, test } from 'vitest';
import { spanTitle, stillView, windowOf } from './view';
import { Views } from './views';

const LIVE = { kind: 'live', span: 1_000 } as const;

function viewsAt(start: number) {
  let now = start;
  const views = new Views(LIVE, () => now);
  return {
    views,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

test('a live window ends now', () => {
  expect(windowOf(LIVE, 5_000)).toEqual({ from: 4_000, to: 5_000 });
});

test('a gesture makes the window stand still, and one step back undoes the whole of it', () => {
  const { views, pass } = viewsAt(10_000);
  for (let step = 0; step < 5; step += 1) {
    views.show({ from: step, to: step + 100 });
    pass(50);
  }
  expect(views.current.get()).toEqual({ kind: 'still', from: 4, to: 104 });
  views.back();
  expect(views.current.get()).toEqual(LIVE);
});

test('gestures with a pause between them are undone one by one', () => {
  const { views, pass } = viewsAt(10_000);
  views.show({ from: 0, to: 100 });
  pass(5_000);
  views.show({ from: 20, to: 60 });
  views.back();
  expect(views.current.get()).toEqual({ kind: 'still', from: 0, to: 100 });
});

test('going live has the span that was live before', () => {
  const { views } = viewsAt(10_000);
  views.show({ from: 0, to: 5 });
  views.live();
  expect(views.current.get()).toEqual(LIVE);
});

test('pausing keeps what is shown', () => {
  const { views } = viewsAt(10_000);
  views.pause();
  expect(views.current.get()).toEqual({ kind: 'still', from: 9_000, to: 10_000 });
});

test('back at the first window is a step that does nothing', () => {
  const { views } = viewsAt(10_000);
  views.back();
  expect(views.current.get()).toEqual(LIVE);
});

test('any window that a gesture leads to can be asked for', () => {
  for (const window of [
    { from: 5, to: 5 },
    { from: -1e18, to: -1e17 },
    { from: 0, to: 1e18 },
    { from: 1e17, to: 1e18 },
  ]) {
    const view = stillView(window);
    if (view.kind !== 'still') throw new Error('it moves');
    expect(view.to).toBeGreaterThan(view.from);
    expect(() => [new Date(view.from).toISOString(), new Date(view.to).toISOString()]).not.toThrow();
  }
});

test('a span is called as it was chosen, others by their largest unit', () => {
  const DAY = 86_400_000;
  expect([DAY, 7 * DAY, 2 * DAY, 900_000].map(spanTitle)).toEqual(['24h', '7d', '2d', '15m']);
});
