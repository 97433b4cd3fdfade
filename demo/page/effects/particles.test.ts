import { expect, it } from 'vitest';
import { celebrate } from './particles.ts';

const KINDS = ['burst', 'rain', 'crowning'] as const;

it('a gift looks the same on every page, and another gift different', () => {
  for (const kind of KINDS) {
    expect(celebrate(kind, 7)).toEqual(celebrate(kind, 7));
    expect(celebrate(kind, 7)).not.toEqual(celebrate(kind, 8));
  }
});

it('is over in time, begins on the stage, and is not more than a page can carry', () => {
  for (const kind of KINDS) {
    for (let seed = 0; seed < 200; seed += 1) {
      const particles = celebrate(kind, seed);
      expect(particles.length).toBeLessThanOrEqual(24);
      for (const { x, y, delayMs, lifeMs, size } of particles) {
        expect(delayMs + lifeMs).toBeLessThan(4500);
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x).toBeLessThanOrEqual(100);
        expect(y).toBeGreaterThanOrEqual(-10);
        expect(size).toBeGreaterThan(0.4);
      }
    }
  }
});
