const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** The milliseconds of a `Duration`, such as `15m` or `1h 30m`. */
export function milliseconds(span: string): number {
  const parts = [...span.matchAll(/(\d+)\s*(ms|[smhdw])\s*/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== span) {
    throw new RangeError(`not a duration such as "15m" or "1h 30m": ${span}`);
  }
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0);
}
