import { expect, test } from 'vitest';
import { stallsOf } from './machine-stalls.ts';

const even = (ms: number) => Array.from({ length: ms / 2 }, (_, i) => ({ at: 2 * i, took: 0.1 }));

test('a machine that is left alone has no stalls', () => {
  expect(stallsOf([even(1000), even(1000)], 1)).toEqual({
    seconds: 1,
    stalled_percent: 0,
    longest_ms: 0.1,
    per_s: 0,
  });
});

test('a core that stands still counts each window that it touches, and once as a beginning', () => {
  const pieces = even(1000).filter(({ at }) => at < 500 || at > 545);
  pieces.push({ at: 500, took: 45 });
  expect(stallsOf([even(1000), pieces], 1)).toMatchObject({ stalled_percent: 6, longest_ms: 45, per_s: 1 });
});

test('the same stall on both cores counts once', () => {
  const pieces = [...even(1000), { at: 501, took: 5 }];
  expect(stallsOf([pieces, pieces], 1)).toMatchObject({ stalled_percent: 2, per_s: 1 });
});
