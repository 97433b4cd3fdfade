/** How a gift is celebrated. */
export type Celebration = 'burst' | 'rain' | 'crowning';

/** One small picture that flies. Places and ways in percent of the stage, from its left and its top. */
export interface Particle {
  x: number;
  y: number;
  dx: number;
  dy: number;
  /** Of its turn, degrees. */
  spin: number;
  delayMs: number;
  lifeMs: number;
  /** Of a picture's usual size. */
  size: number;
}

const COUNTS: Readonly<Record<Celebration, number>> = { burst: 16, rain: 22, crowning: 20 };

/** A number 0..1 from two whole ones, the same every time. */
function chance(seed: number, index: number): number {
  let hash = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca77);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 12;
  return (hash >>> 0) / 2 ** 32;
}

/** The particles of one gift: the same for the same seed. */
export function celebrate(how: Celebration, seed: number): Particle[] {
  return Array.from({ length: COUNTS[how] }, (_, n) => {
    const roll = (which: number) => chance(seed, n * 8 + which);
    const common = {
      spin: (roll(0) - 0.5) * 720,
      delayMs: Math.round(roll(1) * (how === 'burst' ? 120 : 900)),
      size: 0.5 + 0.8 * roll(2),
    };
    if (how === 'rain') {
      return {
        ...common,
        x: 100 * roll(3),
        y: -8,
        dx: (roll(4) - 0.5) * 24,
        dy: 112,
        lifeMs: Math.round(2200 + 1200 * roll(5)),
      };
    }
    const turn = 2 * Math.PI * ((n + 0.6 * roll(3)) / COUNTS[how]);
    const far = (how === 'burst' ? 26 : 38) * (0.5 + 0.5 * roll(4));
    return {
      ...common,
      x: 50,
      y: how === 'burst' ? 56 : 30,
      dx: Math.cos(turn) * far * 1.1,
      dy: Math.sin(turn) * far,
      lifeMs: Math.round(1300 + 700 * roll(5)),
    };
  });
}
