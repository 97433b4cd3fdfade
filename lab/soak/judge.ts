import type { Sample } from './sampler.ts';

/**
 * How much may be more at the end of the judged time than at its begin: `perHour` of a long run, and `least` of any, which is
 * what a short run still adds while code is compiled and caches fill.
 */
interface GrowthLimit {
  perHour: number;
  least: number;
}

/** What must not grow. */
export type Grower = 'heap_mb' | 'external_mb' | 'rss_mb' | 'fds' | 'threads';

export const LIMITS: Readonly<Record<Grower, GrowthLimit>> = {
  // Live objects: at 2 MB an hour a relay of 1 GB lasts three weeks, and ends each day with what a restart takes.
  heap_mb: { perHour: 2, least: 3 },
  external_mb: { perHour: 2, least: 3 },
  // The allocator's fragments count as well.
  rss_mb: { perHour: 5, least: 7.5 },
  // Visitors over the fallback hold some each, and how many are there varies; the count at the end, of an empty relay, is exact.
  fds: { perHour: 1, least: 10 },
  threads: { perHour: 1, least: 1 },
};

/** Share of the run that warms up and is not judged. */
export const WARM = 0.25;
/** Of the rest, for growth. */
export const WINDOWS = 18;

/** Shares of an interval: above either, machine or neighbours were late enough to show in a 99th percentile. */
export const LATE_SHARE = 0.005;
export const NO_CORE_SHARE = 0.03;
/** How much the last quarter's p99 may be above the first's. */
export const LAG_MORE_MS = 5;
/** Share of a quarter's intervals that must be undisturbed; with fewer its calmest are taken, so many. */
export const LEAST_CALM = 0.2;

export interface Growth {
  perHour: number;
  /** Over the judged time. In the unit of its name, as all of these. */
  grown: number;
  limit: number;
  ok: boolean;
}

interface QuarterLag {
  p50: number;
  p99: number;
  /** How many were taken. */
  intervals: number;
}

export interface LagChange {
  /** Medians over the undisturbed, or else the calmest, intervals of the first and the last quarter, ms. */
  first: QuarterLag;
  last: QuarterLag;
  /** Of all `intervals`. */
  disturbed: number;
  intervals: number;
  ok: boolean;
  /** Why nothing could be said. */
  unknown?: string;
}

/** NaN of none. */
export function median(of: readonly number[]): number {
  const sorted = of.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Theil and Sen: the median of the slopes between all pairs, so that a few outliers move nothing. NaN of fewer than two. */
function robustSlope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes: number[] = [];
  for (const [i, [x0, y0]] of points.entries()) {
    for (const [x1, y1] of points.slice(i + 1)) if (x1 !== x0) slopes.push((y1 - y0) / (x1 - x0));
  }
  return median(slopes);
}

/** @returns s */
const lengthOf = (samples: readonly Sample[]) => samples.at(-1)?.second ?? 0;

/** Values of one name after the warm-up, as the least of each of some windows: what is always there. */
function floors(samples: readonly Sample[], name: Grower): [second: number, value: number][] {
  const end = lengthOf(samples);
  const from = end * WARM;
  const windows = new Map<number, [number, number]>();
  for (const sample of samples) {
    const { second, [name]: value } = sample;
    if (second < from || value === null) continue;
    const window = Math.min(WINDOWS - 1, Math.floor(((second - from) / (end - from)) * WINDOWS));
    const least = windows.get(window);
    if (!least || value < least[1]) windows.set(window, [second, value]);
  }
  return [...windows.values()];
}

/** Of what is always there, after the warm-up. */
export function growthOf(samples: readonly Sample[], name: Grower): Growth {
  const { perHour, least } = LIMITS[name];
  const hours = (lengthOf(samples) * (1 - WARM)) / 3600;
  const slope = robustSlope(floors(samples, name)) * 3600;
  const grown = slope * hours;
  const limit = Math.max(least, perHour * hours);
  const round = (value: number) => Number(value.toFixed(2));
  return { perHour: round(slope), grown: round(grown), limit: round(limit), ok: grown <= limit };
}

/** How late the machine was in the interval that ends with a sample: above 1 it shows. @param seconds of an interval */
function lateness({ host_late_ms, no_core_ms }: Sample, seconds: number): number {
  const ms = seconds * 1000;
  return Math.max(host_late_ms / (LATE_SHARE * ms), no_core_ms / (NO_CORE_SHARE * ms));
}

/** Whether the machine was late in the interval that ends with a sample. @param seconds of an interval */
export function disturbed(sample: Sample, seconds: number): boolean {
  return lateness(sample, seconds) > 1;
}

/**
 * From the first quarter to the last. A machine that is slow to wake its cores is late in all intervals: then the calmest of
 * each quarter are compared, as far as they are alike. @param seconds of an interval
 */
export function lagChange(samples: readonly Sample[], seconds: number): LagChange {
  const end = lengthOf(samples);
  const of = (from: number, to: number) => {
    const all = samples.filter(({ second }) => second > from * end && second <= to * end);
    const calm = all.filter((sample) => !disturbed(sample, seconds));
    const least = Math.ceil(LEAST_CALM * all.length);
    const calmest = all.toSorted((a, b) => lateness(a, seconds) - lateness(b, seconds)).slice(0, least);
    const taken = calm.length >= least ? calm : calmest;
    const mid = (name: 'lag_p50_ms' | 'lag_p99_ms') =>
      median(taken.map((sample) => sample[name]).filter((ms): ms is number => ms !== null));
    const late = median(taken.map((sample) => lateness(sample, seconds)));
    return { lag: { p50: mid('lag_p50_ms'), p99: mid('lag_p99_ms'), intervals: taken.length }, late };
  };
  const [first, last] = [of(0, 0.25), of(0.75, 1)];
  const alike = Math.abs(first.late - last.late) <= 1;
  return {
    first: first.lag,
    last: last.lag,
    disturbed: samples.filter((sample) => disturbed(sample, seconds)).length,
    intervals: samples.length,
    ok: alike && last.lag.p99 <= first.lag.p99 + LAG_MORE_MS,
    ...(!alike && { unknown: 'the machine was later in one of the two quarters than in the other' }),
  };
}
