import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzz } from '../../testing/fuzz.ts';
import { costOf, Distribution } from './distribution.ts';
import { PROFILES } from './layout.ts';
import { builtInModel } from './models.ts';
import { TOTAL } from './range-coder.ts';

const mixes = PROFILES.flatMap((profile) => [builtInModel(profile).key.mix, builtInModel(profile).chain.mix]);
const mean = fc.oneof(
  fc.integer({ min: -200, max: 200 }),
  fc.integer({ min: -100_000, max: 100_000 }),
  fc.constantFrom(-(2 ** 23), 2 ** 23 - 1),
);
const settings = fc.record({
  mix: fc.constantFrom(...mixes),
  mean,
  scale: fc.oneof(fc.nat(64), fc.constantFrom(0, 64)),
  same: fc.oneof(fc.nat(128), fc.constantFrom(0, 128)),
  low: fc.oneof(fc.integer({ min: -1260, max: 0 }), fc.constant(0)),
  high: fc.oneof(fc.integer({ min: 0, max: 1260 }), fc.constant(0)),
});

describe('Distribution', () => {
  it('gives each residual a part of its own, whatever the model says', () => {
    fc.assert(
      fc.property(settings, ({ mix, mean, scale, same, low, high }) => {
        const distribution = new Distribution(mix);
        distribution.set(mean, scale, same, low, high);
        expect(distribution.below(low)).toBe(0);
        expect(distribution.below(high + 1)).toBe(TOTAL);
        for (let k = low; k <= high; k++) {
          const below = distribution.below(k);
          const end = distribution.below(k + 1);
          if (end <= below) throw new Error(`residual ${k} has ${end - below}`);
          for (const target of [below, (below + end) >> 1, end - 1]) {
            if (distribution.find(target) !== k) throw new Error(`${target} is ${distribution.find(target)}, not ${k}`);
          }
        }
        for (const k of [low - 1, low, 0, high, high + 1]) expect(distribution.holds(k)).toBe(k >= low && k <= high);
      }),
      fuzz(300),
    );
  });

  it('a peak at 0, the mean, and what is far from it', () => {
    const distribution = new Distribution(mixes[3]!);
    const part = (k: number) => distribution.below(k + 1) - distribution.below(k);
    distribution.set(5 * 64, 32, 0, -100, 100);
    expect(distribution.nearest).toBe(5);
    expect(part(5)).toBeGreaterThan(part(4));
    expect(part(5)).toBeGreaterThan(part(6));
    expect(part(-100)).toBeLessThan(part(5) / 100);
    distribution.set(5 * 64, 32, 128, -100, 100);
    expect(part(0)).toBeGreaterThan(0.99 * TOTAL);
  });

  it('a cost is the logarithm, in 1/256 bit', () => {
    for (let frequency = 1; frequency <= TOTAL; frequency++) {
      const bits = 16 - Math.log2(frequency);
      if (Math.abs(costOf(frequency) / 256 - bits) > 0.01) throw new Error(`${frequency}: ${costOf(frequency)}`);
    }
  });
});
