/** What stands at the axes. */
import { short } from '@/ui/format';

const SECOND = 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;

const two = (n: number) => String(n).padStart(2, '0');
const dayOf = (date: Date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

/** Of moments `step` apart, in the reader's time zone; the day stands where it begins. */
export function timeLabels(moments: readonly number[], step: number): string[] {
  let day = '';
  return moments.map((moment) => {
    const date = new Date(moment);
    const itsDay = dayOf(date);
    const isNew = itsDay !== day;
    const isNewYear = itsDay.slice(0, 4) !== day.slice(0, 4);
    day = itsDay;
    if (step >= DAY) return isNewYear ? itsDay : itsDay.slice('2026-'.length);
    const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
    const seconds = step < MINUTE ? `:${two(date.getSeconds())}` : '';
    const parts = step < SECOND ? `.${String(date.getMilliseconds()).padStart(3, '0')}` : '';
    return `${clock}${seconds}${parts}${isNew ? `\n${itsDay}` : ''}`;
  });
}

/** Moments `step` apart, on round ones of the reader's time zone. */
export function timeSplits(from: number, to: number, step: number): number[] {
  const splits: number[] = [];
  if (step >= DAY) {
    const date = new Date(from);
    date.setHours(0, 0, 0, 0);
    const days = Math.round(step / DAY);
    for (; date.getTime() <= to; date.setDate(date.getDate() + days)) {
      if (date.getTime() >= from) splits.push(date.getTime());
    }
    return splits;
  }
  const offset = new Date(from).getTimezoneOffset() * MINUTE;
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) splits.push(at);
  return splits;
}

/** Of values `step` apart: as many digits as tell them apart. */
export function valueLabels(values: readonly number[], step: number, unit = ''): string[] {
  const largest = Math.max(...values.map(Math.abs), step);
  const digits = Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const text = (value: number) => {
    if (largest >= 1e15 || largest < 1e-6) return value === 0 ? '0' : value.toExponential(2);
    if (largest >= 1e5 && step >= largest / 500) return short(value);
    return value.toFixed(digits);
  };
  return values.map((value) => `${text(value)}${unit && ` ${unit}`}`);
}
