import { expect, it } from 'vitest';
import { apartUs } from './clocks.ts';

/** A clock that `lost` takes the core from: us for each reading, by turns. */
function readings(lost: number[]) {
  let [nowUs, n] = [5_000_000, 0];
  return (aheadUs: number) => () => {
    nowUs += 1 + (lost[n++] ?? 0);
    return nowUs + aheadUs;
  };
}

it('is 0 for one clock, whenever the thread loses its core', () => {
  for (const at of [0, 1, 2, 3, 7, 14]) {
    const lost = Array.from({ length: at + 1 }, (_, n) => (n === at ? 50_000 : 0));
    const clock = readings(lost);
    expect([at, apartUs(clock(0), clock(0))]).toEqual([at, 0]);
  }
  // Each time, as on a machine with too much to do.
  const clock = readings(Array.from({ length: 15 }, (_, n) => 2000 + 100 * n));
  expect(apartUs(clock(0), clock(0))).toBe(0);
});

it('finds two clocks apart, by the reading that was least disturbed', () => {
  const clock = readings([0, 8000, 0, 0, 0, 0, 0, 9000]);
  expect(Math.abs(apartUs(clock(0), clock(-70_000)) - 70_000)).toBeLessThan(5);
  expect(Math.abs(apartUs(clock(0), clock(1e9)) + 1e9)).toBeLessThan(5);
});
