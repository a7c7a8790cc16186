import { NO_UNIT, NONE, perSecond, type Unit, unitNamed, unitOfMetric } from '@/ui/units';
import type { Panel } from './dashboard';

type Wished = Pick<Panel, 'selector' | 'method' | 'group' | 'unit'>;

/** The name of the unit that follows from what is shown, where none is chosen. */
export function ownUnit({ selector, method, group }: Wished): string {
  if (method === 'count' || group?.across === 'count') return '';
  const name = unitOfMetric(selector.metric);
  return method === 'rate' ? perSecond(name) : name;
}

/** In what the values of a panel are written. */
export function unitOf(panel: Wished): Unit {
  if (panel.unit === NONE) return NO_UNIT;
  return unitNamed(panel.unit || ownUnit(panel));
}
