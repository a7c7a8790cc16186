/** The dashboard that comes with `streamsync demo`: `/explore?board=demo`. */
import { type Dashboard, newPanel, type Panel } from './dashboard';

export const DEMO_BOARD = '?board=demo';
/** The nested records of the demo, which nothing else is likely to have. */
const TEMPERATURE = 'gateway_temperature_celsius';
const HOUR_MS = 3_600_000;

const half = (metric: string, title: string, unit?: string): Panel =>
  newPanel({ metric, matchers: [] }, { title, width: 'half', ...(unit === undefined ? {} : { unit }) });

export const demoBoard = (): Dashboard => ({
  view: { kind: 'live', span: HOUR_MS },
  panels: [
    half('ec2_cpu_utilization', 'CPU of two servers', '%'),
    half(TEMPERATURE, 'Two machines, from nested records', '°C'),
    half('elb_request_count', 'Requests to a load balancer'),
    half('ec2_network_in_bytes', 'Bytes received by a server'),
    half('ad_cost_per_click', 'Cost of a click'),
    half('key_hold', 'How long keys are held down'),
  ],
});

export const isDemo = (metrics: readonly { name: string }[]): boolean =>
  metrics.some(({ name }) => name === TEMPERATURE);
