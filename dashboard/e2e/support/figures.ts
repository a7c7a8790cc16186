/** Measured figures, printed for whoever reads the run. */
export function report(what: string, figure: string): void {
  console.log(`  ▸ ${what}: ${figure}`);
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
