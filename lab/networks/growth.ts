const median = (of: readonly number[]): number => {
  const sorted = [...of].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

/** By how much the last third of a series lies above its first third, in medians. The first `warm` values do not count. */
export function growth(series: readonly number[], warm = 0): number {
  const counted = series.slice(warm);
  const third = Math.max(1, Math.floor(counted.length / 3));
  return Number((median(counted.slice(-third)) - median(counted.slice(0, third))).toFixed(2));
}
