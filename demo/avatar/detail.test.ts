import { expect, it } from 'vitest';
import { Detail } from './detail.ts';

/** A minute on a screen, where a frame costs so much for its pixels. */
function minute(refreshMs: number, costMs: number): Detail {
  const detail = new Detail();
  for (let ms = 0; ms < 60_000; ) {
    const frameMs = Math.max(refreshMs, costMs * detail.value ** 2);
    detail.observe(frameMs);
    ms += frameMs;
  }
  return detail;
}

it('stays fine where frames are in time', () => {
  expect(minute(1000 / 60, 8).value).toBe(1);
});

it('gets coarser until frames are in time, and not more than to half', () => {
  const { value } = minute(1000 / 60, 30);
  expect(value ** 2 * 30).toBeLessThan(20);
  expect(value).toBeGreaterThan(0.6);
  expect(minute(1000 / 60, 200).value).toBeGreaterThanOrEqual(0.5);
});

it('stays fine on a screen that is slow by itself', () => {
  expect(minute(1000 / 30, 8).value).toBe(1);
});

it('is not moved by a stall or a pause', () => {
  const detail = new Detail();
  for (let n = 0; n < 3000; n += 1) detail.observe(n % 600 === 0 ? 240 : n % 700 === 0 ? 60_000 : 1000 / 60);
  expect(detail.value).toBe(1);
});
