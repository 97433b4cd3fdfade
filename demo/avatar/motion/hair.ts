import { type HeadSpace, type Point3, surface } from '../draw/space.ts';
import { Strand, type StrandNature } from './strand.ts';

/** A lock as it hangs on a head at rest. */
export interface LockShape {
  /** From the root to the tip, in head half-widths. */
  points: readonly Point3[];
  /** Half of its width at each point. */
  widths: readonly number[];
  /** 0: goes with the head as if stiff; 1: hangs by its weight. */
  hang: number;
  nature: StrandNature;
}

export interface Lock {
  shape: LockShape;
  strand: Strand;
}

const FRINGE: StrandNature = { rootPull: 34, tipPull: 16, damping: 0.34, wind: 1.6, reach: 0.1 };
const SIDE: StrandNature = { rootPull: 26, tipPull: 9, damping: 0.3, wind: 2.2, reach: 0.45 };
const LONG: StrandNature = { rootPull: 22, tipPull: 7, damping: 0.32, wind: 2.6, reach: 0.8 };
const AHOGE: StrandNature = { rootPull: 26, tipPull: 13, damping: 0.13, wind: 3.4, reach: 0.3 };

/** On the front of the head, `lift` before it. */
const front = (x: number, y: number, lift: number): Point3 => [x, y, surface(x, y) + lift];

/** Fringe: [x where it leaves the crown, x of the tip, y of the tip, half-width]. The outer ones first: the middle lies on top. */
const FRINGE_LOCKS: readonly (readonly [number, number, number, number])[] = [
  [-0.78, -1.0, 0.3, 0.17],
  [0.78, 1.0, 0.32, 0.17],
  [-0.62, -0.84, 0.1, 0.2],
  [0.64, 0.88, 0.08, 0.2],
  [-0.44, -0.58, -0.02, 0.21],
  [0.5, 0.66, -0.05, 0.2],
  [-0.26, -0.34, 0.04, 0.21],
  [0.32, 0.42, 0.0, 0.21],
  [0.16, 0.2, 0.06, 0.18],
  [-0.03, -0.05, 0.13, 0.2],
];

function fringe(): LockShape[] {
  return FRINGE_LOCKS.map(([root, tip, end, half]) => {
    const out = Math.sign(tip);
    const at = (x: number, share: number, lift: number) => front(x, -1 + (end + 1) * share, lift);
    return {
      points: [
        [0.06 + root * 0.22, -1.46, -0.02],
        [0.03 + root * 0.8, -1.24 + 0.26 * root * root, 0.3 * (1 - root * root * 0.8) + 0.08],
        at(root + 0.04 * out, 0.3, 0.15),
        at(root + (tip - root) * 0.4 + 0.05 * out, 0.68, 0.17),
        at(tip, 1, 0.12),
      ],
      widths: [0.05, half * 0.72, half, half * 0.78, 0],
      hang: 0.12,
      nature: FRINGE,
    };
  });
}

/** One on each side of the screen for each row: [x, y, z, half-width] from the root down. */
const SIDE_LOCKS: readonly (readonly (readonly [number, number, number, number])[])[] = [
  [
    [0.86, -0.75, 0.14, 0.07],
    [1.08, -0.05, 0.06, 0.2],
    [1.13, 0.5, 0.02, 0.18],
    [1.08, 1.05, 0.04, 0.15],
    [1.14, 1.6, 0.1, 0],
  ],
  [
    [0.82, -0.72, 0.3, 0.05],
    [0.98, -0.15, 0.26, 0.13],
    [0.98, 0.4, 0.26, 0.12],
    [0.9, 0.9, 0.32, 0.09],
    [0.94, 1.36, 0.36, 0],
  ],
];

function sides(): LockShape[] {
  return SIDE_LOCKS.flatMap((rows) =>
    [-1, 1].map((side) => ({
      points: rows.map(([x, y, z]): Point3 => [side * x, y, z]),
      widths: rows.map(([, , , width]) => width),
      hang: 0.6,
      nature: SIDE,
    })),
  );
}

/** Behind head and shoulders: x of the root, x of the tip, y of the tip, half-width. */
const LONG_LOCKS: readonly (readonly [number, number, number, number])[] = [
  [-0.92, -1.6, 2.5, 0.3],
  [0.92, 1.6, 2.5, 0.3],
  [-0.8, -1.2, 2.86, 0.34],
  [0.8, 1.2, 2.86, 0.34],
  [-0.5, -0.66, 3.0, 0.4],
  [0.5, 0.66, 3.0, 0.4],
  [0, 0.04, 2.9, 0.42],
];

function long(): LockShape[] {
  return LONG_LOCKS.map(([root, tip, end, half]) => {
    const out = Math.sign(tip);
    const at = (share: number): Point3 => {
      // A slow wave, outwards at the shoulders and in again.
      const wave = 0.14 * out * Math.sin(share * 5.2 - 0.4) * share;
      return [root + (tip - root) * share ** 1.5 + wave, -0.5 + (end + 0.5) * share, -0.5 - 0.12 * share];
    };
    return {
      points: [at(0), at(0.22), at(0.44), at(0.64), at(0.83), at(1)],
      widths: [half * 0.3, half, half * 0.95, half * 0.8, half * 0.5, 0],
      hang: 0.8,
      nature: LONG,
    };
  });
}

function ahoge(): LockShape {
  return {
    points: [
      [0.05, -1.36, 0],
      [0.07, -1.6, 0.02],
      [0.2, -1.72, 0.06],
      [0.42, -1.64, 0.1],
    ],
    widths: [0.02, 0.05, 0.045, 0],
    hang: 0.05,
    nature: AHOGE,
  };
}

/** All locks of one head, each a chain of its own that the head drags along. */
export class Hair {
  readonly fringe = fringe().map(lock);
  readonly sides = sides().map(lock);
  readonly long = long().map(lock);
  readonly ahoge = lock(ahoge());
  readonly #all = [...this.fringe, ...this.sides, ...this.long, this.ahoge];

  aim(space: HeadSpace): void {
    for (const { shape, strand } of this.#all) {
      const root = shape.points[0]!;
      strand.begin();
      for (const [index, point] of shape.points.entries()) {
        const [x, y] = space.unit(point);
        const [hangX, hangY] = space.hanging(root, point);
        strand.aim(index, x + (hangX - x) * shape.hang, y + (hangY - y) * shape.hang);
      }
    }
  }

  rest(): void {
    for (const { strand } of this.#all) strand.rest();
  }

  /** As `Strand.step`; lengths in head half-widths. */
  step(dt: number, windX: number, share: number): void {
    for (const { strand } of this.#all) strand.step(dt, windX, share);
  }

  show(share: number): void {
    for (const { strand } of this.#all) strand.show(share);
  }
}

function lock(shape: LockShape): Lock {
  return { shape, strand: new Strand(shape.points.length, shape.nature) };
}
