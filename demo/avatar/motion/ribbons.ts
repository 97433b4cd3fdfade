import { Strand, type StrandNature } from './strand.ts';

/** A ribbon as it hangs on a body at rest: points and half-widths, in the body's own coordinates. */
interface RibbonShape {
  points: readonly (readonly [x: number, y: number])[];
  widths: readonly number[];
}

const CLOTH: StrandNature = { rootPull: 20, tipPull: 8, damping: 0.22, wind: 2.4, reach: 0.45 };

/** The two ends of the bow. */
const TAILS: readonly RibbonShape[] = [-1, 1].map((side) => ({
  points: [
    [side * 0.05, 2.5],
    [side * 0.16, 2.86],
    [side * 0.25, 3.2],
    [side * 0.3, 3.56],
  ],
  widths: [0.06, 0.11, 0.14, 0.15],
}));

/** Ribbons on the chest, which the body drags along. */
export class Ribbons {
  readonly tails = TAILS.map((shape) => ({ shape, strand: new Strand(shape.points.length, CLOTH) }));

  /** `at`: from the body's coordinates to those in which the ribbons move. */
  aim(at: (x: number, y: number) => readonly [number, number]): void {
    for (const { shape, strand } of this.tails) {
      strand.begin();
      for (const [index, [x, y]] of shape.points.entries()) strand.aim(index, ...at(x, y));
    }
  }

  rest(): void {
    for (const { strand } of this.tails) strand.rest();
  }

  step(dt: number, windX: number, share: number): void {
    for (const { strand } of this.tails) strand.step(dt, windX, share);
  }

  show(share: number): void {
    for (const { strand } of this.tails) strand.show(share);
  }
}
