/** Moments as the API writes them: RFC 3339 in UTC, exact to the microsecond. */

let knownMinute = '';
let knownMs = 0;

/** Milliseconds since 1970 with their microseconds. Most moments share their minute with the one before. */
export function parseMoment(text: string): number {
  const minute = text.slice(0, 17);
  if (minute !== knownMinute) {
    knownMs = Date.parse(`${minute}00Z`);
    knownMinute = minute;
  }
  // Whole microseconds first, so that equal moments are equal numbers however they came.
  const micros = Math.round(Number(text.slice(17, -1)) * 1e6);
  return (knownMs * 1_000 + micros) / 1_000;
}

export function formatMoment(ms: number): string {
  const micros = Math.round(ms * 1_000);
  const whole = Math.floor(micros / 1_000);
  return `${new Date(whole).toISOString().slice(0, -1)}${String(micros - whole * 1_000).padStart(3, '0')}Z`;
}

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Of `"250ms"`, `"10s"`, `"15m"`, `"1h"`, `"7d"`, in milliseconds. */
export function parseSpan(text: string): number | undefined {
  const found = /^([1-9]\d{0,5})(ms|s|m|h|d)$/.exec(text.trim());
  return found ? Number(found[1]) * UNITS[found[2] as keyof typeof UNITS] : undefined;
}

/** In the largest unit that tells it exactly. */
export function formatSpan(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((unit) => ms % UNITS[unit] === 0) ?? 'ms';
  return `${Math.max(1, Math.round(ms / UNITS[unit]))}${unit}`;
}
