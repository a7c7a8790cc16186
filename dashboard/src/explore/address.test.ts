import { describe, expect, test } from 'vitest';
import { encodeDashboard, readAddress } from './address';
import { type Dashboard, DEFAULT_VIEW, newPanel, type Panel } from './dashboard';

const withoutIds = ({ view, panels }: Dashboard) => ({ view, panels: panels.map(({ id, ...rest }: Panel) => rest) });

const read = (search: string) => {
  const reading = readAddress(search);
  if (!reading || 'problem' in reading) throw new Error(reading?.problem ?? 'nothing');
  return withoutIds(reading.dashboard);
};

const problemOf = (search: string) => {
  const reading = readAddress(search);
  return reading && 'problem' in reading ? reading.problem : undefined;
};

const coded = (value: unknown) => `?d=1.${Buffer.from(JSON.stringify(value)).toString('base64url')}`;

describe('a dashboard in an address', () => {
  test('is read as it was written', () => {
    const dashboard: Dashboard = {
      view: { kind: 'live', span: 3_600_000 },
      panels: [
        newPanel({ metric: 'cpu', matchers: [] }),
        newPanel(
          { metric: 'température', matchers: [{ name: 'site', op: '=~', value: 'n.*|ü' }] },
          {
            method: 'p99',
            step: '10s',
            group: { across: 'sum', by: ['site'] },
            fill: 'linear',
            band: false,
            width: 'third',
            title: 'Wärme ☀',
            unit: '°C',
            low: -5.5,
            high: 0,
          },
        ),
      ],
    };
    expect(read(encodeDashboard(dashboard))).toEqual(withoutIds(dashboard));
  });

  test('keeps a fixed window to the microsecond', () => {
    const view = { kind: 'still', from: 1_795_551_021_020.001, to: 1_795_551_021_920.125 } as const;
    expect(read(encodeDashboard({ view, panels: [] })).view).toEqual(view);
  });

  test('is short: a plain panel takes less than fifty letters', () => {
    const panels = [newPanel({ metric: 'ec2_cpu_utilization', matchers: [] })];
    expect(encodeDashboard({ view: { kind: 'live', span: 900_000 }, panels }).length).toBeLessThan(60);
  });

  test('is not there in an address without one', () => {
    expect(readAddress('')).toBeUndefined();
    expect(readAddress('?other=1')).toBeUndefined();
  });
});

describe('the short form', () => {
  test('is one panel', () => {
    const { view, panels } = read('?metric=cpu&label=host%3Da&label=site!~n.*&range=5m&aggregate=max&step=10s');
    expect(view).toEqual({ kind: 'live', span: 300_000 });
    expect(panels).toMatchObject([
      {
        selector: {
          metric: 'cpu',
          matchers: [
            { name: 'host', op: '=', value: 'a' },
            { name: 'site', op: '!~', value: 'n.*' },
          ],
        },
        method: 'max',
        step: '10s',
      },
    ]);
  });

  test('may have a fixed window', () => {
    expect(read('?metric=cpu&from=2026-01-31T00:00:00Z&to=2026-01-31T01:00:00Z').view).toEqual({
      kind: 'still',
      from: Date.parse('2026-01-31T00:00:00Z'),
      to: Date.parse('2026-01-31T01:00:00Z'),
    });
  });
});

describe('an address that cannot be read says why', () => {
  test.each([
    ['?d=2.abc', 'another version'],
    ['?d=', 'another version'],
    ['?d=1.%%%', 'damaged'],
    ['?d=1.AAAA', 'damaged'],
    [coded('x'), 'no list'],
    [coded([]), 'time range'],
    [coded(['5 minutes']), 'time range'],
    [coded([[5, 5]]), 'time range'],
    [coded([[1, null]]), 'time range'],
    [coded(['5m', 7]), 'Panel 1 of the link is not a panel'],
    [coded(['5m', {}]), 'no text'],
    [coded(['5m', { m: 'cpu' }, { m: 'cpu', a: 'median' }]), 'Panel 2 of the link: the aggregate'],
    [coded(['5m', { m: 'cpu', l: [['a', '==', 'b']] }]), 'a condition'],
    [coded(['5m', { m: 'cpu', l: 'x' }]), 'no list'],
    [coded(['5m', { m: 'cpu', s: '0s' }]), 'step'],
    [coded(['5m', { m: 'cpu', g: ['median'] }]), 'grouping'],
    [coded(['5m', { m: 'cpu', lo: '1' }]), 'no number'],
    [coded(['5m', ...Array(41).fill({ m: 'cpu' })]), 'more than 40'],
    ['?metric=cpu&label=host', 'host'],
    ['?metric=cpu&aggregate=median', 'aggregate'],
    ['?metric=cpu&range=soon', 'time range'],
    ['?metric=cpu&from=yesterday', 'time range'],
  ])('%s', (search, why) => {
    expect(problemOf(search)).toContain(why);
  });

  test('whatever happens to a link on its way, nothing crashes', () => {
    const link = encodeDashboard({
      view: { kind: 'live', span: 300_000 },
      panels: [newPanel({ metric: 'cpu', matchers: [{ name: 'a', op: '=', value: 'b' }] })],
    });
    for (let at = 3; at < link.length; at += 1) {
      for (const letter of ['', 'A', '_', '%', '.']) {
        const reading = readAddress(link.slice(0, at) + letter + link.slice(at + 1));
        expect(reading === undefined || 'problem' in reading || 'dashboard' in reading).toBe(true);
      }
    }
  });
});

test('the name of a dashboard is part of its address', () => {
  const address = encodeDashboard({ name: 'Keys & locks', view: DEFAULT_VIEW, panels: [] });
  expect(readAddress(address)).toMatchObject({ dashboard: { name: 'Keys & locks' } });
});

test('an address may ask for an empty dashboard', () => {
  expect(readAddress('?new')).toEqual({ dashboard: { view: DEFAULT_VIEW, panels: [] } });
  expect(readAddress('?kiosk')).toBeUndefined();
});
