/** What stands at the axes. */
import { fromWall, offsetAt, toWall } from '@/ui/zone';

const SECOND = 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;

const two = (n: number) => String(n).padStart(2, '0');

/** Of moments `step` apart, in the chosen time zone; the day stands where it begins. */
export function timeLabels(moments: readonly number[], step: number): string[] {
  let day = '';
  return moments.map((moment) => {
    const date = new Date(toWall(moment));
    const itsDay = date.toISOString().slice(0, 10);
    const isNew = itsDay !== day;
    const isNewYear = itsDay.slice(0, 4) !== day.slice(0, 4);
    day = itsDay;
    if (step >= DAY) return isNewYear ? itsDay : itsDay.slice('2026-'.length);
    const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
    const seconds = step < MINUTE ? `:${two(date.getUTCSeconds())}` : '';
    const parts = step < SECOND ? `.${String(date.getUTCMilliseconds()).padStart(3, '0')}` : '';
    return `${clock}${seconds}${parts}${isNew ? `\n${itsDay}` : ''}`;
  });
}

/** Moments `step` apart, on round ones of the chosen time zone. */
export function timeSplits(from: number, to: number, step: number): number[] {
  const splits: number[] = [];
  if (step >= DAY) {
    const length = Math.round(step / DAY) * DAY;
    for (let wall = Math.floor(toWall(from) / DAY) * DAY; ; wall += length) {
      const at = fromWall(wall);
      if (at > to) return splits;
      if (at >= from) splits.push(at);
    }
  }
  const offset = offsetAt(from);
  for (let at = Math.ceil((from + offset) / step) * step - offset; at <= to; at += step) splits.push(at);
  return splits;
}
