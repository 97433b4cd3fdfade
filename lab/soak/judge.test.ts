import { describe, expect, it } from 'vitest';
import { type Grower, growthOf, LIMITS, lagChange } from './judge.ts';
import type { Sample } from './sampler.ts';
import { series } from './testing/series.ts';

const INTERVAL_S = 10;
const HOURS = 2;

/** Adds to a figure where it was measured. */
const add = (sample: Sample, name: Grower, value: number) => {
  if (sample[name] !== null) sample[name] += value;
};

const growing = (name: Grower, perHour: number) =>
  growthOf(series({ change: (sample, hours) => add(sample, name, perHour * hours) }), name);

describe('growth over two hours', () => {
  it('is none where nothing leaks, for all that visitors do', () => {
    for (const name of Object.keys(LIMITS) as Grower[]) {
      const { ok, grown, limit } = growthOf(series(), name);
      expect(ok, name).toBe(true);
      expect(Math.abs(grown), name).toBeLessThan(limit / 2);
    }
  });

  it('finds a leak of heap that takes a relay down in three weeks', () => {
    const found = growing('heap_mb', 3);
    expect(found.ok).toBe(false);
    expect(found.perHour).toBeCloseTo(3, 0);
    expect(found.grown).toBeCloseTo(3 * HOURS * 0.75, 0);
  });

  it('finds a leak of one file descriptor a minute', () => {
    const found = growing('fds', 60);
    expect(found.ok).toBe(false);
    expect(found.perHour).toBeCloseTo(60, -1);
  });

  it('finds one thread more an hour or two', () => {
    expect(
      growthOf(series({ change: (sample, hours) => add(sample, 'threads', Math.floor(2 * hours)) }), 'threads').ok,
    ).toBe(false);
  });

  it.each(['heap_mb', 'external_mb', 'rss_mb'] as const)('draws the line for %s at its limit', (name) => {
    const { perHour, least } = LIMITS[name];
    const limit = Math.max(perHour, least / (HOURS * 0.75));
    expect(growing(name, limit * 1.6).ok).toBe(false);
    expect(growing(name, limit * 0.4).ok).toBe(true);
  });

  it('is none where it goes up and down', () => {
    const sawtooth = series({ change: (sample, hours) => add(sample, 'rss_mb', 60 * ((hours * 3) % 1)) });
    expect(growthOf(sawtooth, 'rss_mb').ok).toBe(true);
  });

  it('is none for intervals that stand out, late ones as well', () => {
    const peaks = series({
      change: (sample, hours, random) => {
        if (random.chance(hours > 1.5 ? 0.3 : 0.05)) add(sample, 'fds', 200);
        if (random.chance(0.3)) add(sample, 'heap_mb', 30);
      },
    });
    expect(growthOf(peaks, 'fds').ok).toBe(true);
    expect(growthOf(peaks, 'heap_mb').ok).toBe(true);
  });

  it('is none for a few windows that lie high from end to end', () => {
    const high = series({
      change: (sample, hours) => {
        if (hours > 1.2 && hours < 1.4) add(sample, 'rss_mb', 80);
      },
    });
    expect(growthOf(high, 'rss_mb').ok).toBe(true);
  });

  it('is none for a warm-up that comes to a plateau', () => {
    const warming = series({ change: (sample, hours) => add(sample, 'heap_mb', 30 * Math.min(1, hours / 0.5)) });
    expect(growthOf(warming, 'heap_mb').ok).toBe(true);
    // The control: the same climb would be found if it went on.
    expect(growing('heap_mb', 60).ok).toBe(false);
  });
});

describe('growth over two minutes', () => {
  const short = (name: Grower, perSecond: number) =>
    growthOf(
      series({ minutes: 2, intervalS: 2, change: (sample, hours) => add(sample, name, perSecond * hours * 3600) }),
      name,
    );

  it('finds the leaks of the controls', () => {
    expect(short('heap_mb', 0.1).ok).toBe(false);
    expect(short('fds', 1).ok).toBe(false);
  });

  it('lets pass what any start adds', () => {
    expect(short('heap_mb', 0.005).ok).toBe(true);
    expect(short('fds', 0.02).ok).toBe(true);
  });
});

describe('lag from the first to the last quarter', () => {
  const last = (hours: number) => hours > HOURS * 0.75;
  const change = (of: NonNullable<Parameters<typeof series>[0]>['change']) =>
    lagChange(series({ change: of! }), INTERVAL_S);

  it('tells what creeps in from noise', () => {
    const crept = change((sample, hours) => {
      sample.lag_p99_ms! += 6 * hours;
    });
    expect(crept.ok).toBe(false);
    expect(crept.unknown).toBeUndefined();
    expect(crept.last.p99 - crept.first.p99).toBeCloseTo(9, 0);
    expect(change(undefined)).toMatchObject({ ok: true, disturbed: 0, intervals: 720 });
  });

  it.each(['host_late_ms', 'no_core_ms'] as const)('leaves out intervals with a machine that is late by %s', (late) => {
    const stall = (told: boolean) =>
      change((sample, hours, random) => {
        if (!last(hours) || !random.chance(0.7)) return;
        sample.lag_p99_ms = 250;
        if (told) sample[late] = 2000;
      });
    const stalled = stall(true);
    expect(stalled).toMatchObject({ ok: true, intervals: 720 });
    expect(stalled.disturbed).toBeGreaterThan(90);
    expect(stalled.last.p99).toBeLessThan(20);
    // The control: the same lag without a word of the machine is the relay's own.
    expect(stall(false)).toMatchObject({ ok: false, disturbed: 0 });
  });

  it('compares the calmest intervals on a machine that is late in all of them', () => {
    const slow = (perHour: number) =>
      change((sample, hours, random) => {
        sample.no_core_ms = 1300 + 100 * random.next();
        sample.lag_p99_ms! += perHour * hours;
        if (random.chance(0.5)) {
          sample.no_core_ms += 2000;
          sample.lag_p99_ms = 250;
        }
      });
    expect(slow(0)).toMatchObject({ ok: true, disturbed: 720, last: { intervals: 36 } });
    expect(slow(0).last.p99).toBeLessThan(20);
    const crept = slow(6);
    expect([crept.ok, crept.unknown]).toEqual([false, undefined]);
  });

  it('says nothing where one quarter has no intervals as calm as the other’s', () => {
    for (const quarter of [last, (hours: number) => hours < HOURS / 4]) {
      const { ok, unknown } = change((sample, hours, random) => {
        if (quarter(hours) && random.chance(0.97)) sample.host_late_ms = 500;
      });
      expect(ok).toBe(false);
      expect(unknown).toMatch(/^the machine was later/);
    }
  });
});
