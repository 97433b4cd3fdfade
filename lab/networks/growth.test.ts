import { expect, it } from 'vitest';
import { growth } from './growth.ts';

const noise = (n: number) => ((n * 7919) % 13) / 13;

it('tells a leak from what goes up and down', () => {
  const flat = Array.from({ length: 20 }, (_, n) => 10 + noise(n));
  const leaking = flat.map((value, n) => value + n * 0.2);
  expect(Math.abs(growth(flat))).toBeLessThan(0.5);
  expect(growth(leaking)).toBeGreaterThan(2);
});

it('leaves out what comes before everything is loaded, and one that stands out', () => {
  expect(growth([1, 1, 10, 10, 10, 10, 90, 10, 10], 2)).toBe(0);
  expect(growth([1, 1, 10, 10, 10, 10, 10, 10])).toBe(9);
});
