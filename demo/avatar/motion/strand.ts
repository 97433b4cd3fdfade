/** What a strand wants to be, in the units of its targets. */
export interface StrandNature {
  /** How fast its root end follows, rad/s, and its tip. Both well under the step's limit of 2 / STEP_S. */
  rootPull: number;
  tipPull: number;
  /** 1: comes to rest without swinging; less: swings. */
  damping: number;
  /** How far wind moves its tip, as an acceleration. */
  wind: number;
  /** How far its tip may be from where it wants to be, in the units of its targets. */
  reach: number;
}

/** A part between two points may be so much longer or shorter than its targets are apart. */
const STRETCH = 0.14;

/**
 * A lock of hair or a ribbon: points on a line that each follow a target, the root at once, the tip late, and that keep
 * their distance. Integrated half implicitly in steps of one length, so it stays bounded whatever the targets do: no point
 * is farther from the root than the whole strand is long.
 */
export class Strand {
  readonly count: number;
  readonly #nature: StrandNature;
  /** x, y of each point in turn. */
  readonly #at: Float64Array;
  readonly #before: Float64Array;
  readonly #speed: Float64Array;
  readonly #target: Float64Array;
  /** Targets of the frame before and of this one: in between they move along. */
  readonly #from: Float64Array;
  readonly #to: Float64Array;
  readonly #shown: Float64Array;

  constructor(count: number, nature: StrandNature) {
    this.count = count;
    this.#nature = nature;
    this.#at = new Float64Array(2 * count);
    this.#before = new Float64Array(2 * count);
    this.#speed = new Float64Array(2 * count);
    this.#target = new Float64Array(2 * count);
    this.#from = new Float64Array(2 * count);
    this.#to = new Float64Array(2 * count);
    this.#shown = new Float64Array(2 * count);
  }

  /** Begins a frame: what was aimed at before is where the targets come from. */
  begin(): void {
    this.#from.set(this.#target);
  }

  /** Where point `index` would be at rest in this frame. */
  aim(index: number, x: number, y: number): void {
    this.#to[2 * index] = x;
    this.#to[2 * index + 1] = y;
  }

  /** Goes to its targets and stands still. */
  rest(): void {
    for (const points of [this.#target, this.#at, this.#before]) points.set(this.#to);
    this.#speed.fill(0);
  }

  /**
   * @param windX acceleration of the air at the tip, units/s²
   * @param share 0..1: how far the targets are on their way from the frame before to this one
   */
  step(dt: number, windX: number, share = 1): void {
    const { rootPull, tipPull, damping, wind, reach } = this.#nature;
    const [at, speed, target] = [this.#at, this.#speed, this.#target];
    for (let k = 0; k < target.length; k += 1) {
      target[k] = this.#from[k]! + (this.#to[k]! - this.#from[k]!) * share;
    }
    this.#before.set(at);
    at[0] = target[0]!;
    at[1] = target[1]!;
    for (let i = 1; i < this.count; i += 1) {
      const along = i / (this.count - 1);
      const pull = rootPull + (tipPull - rootPull) * along;
      for (const axis of [0, 1]) {
        const k = 2 * i + axis;
        const push = axis === 0 ? windX * wind * along : 0;
        speed[k]! += (pull * pull * (target[k]! - at[k]!) - 2 * damping * pull * speed[k]! + push) * dt;
        at[k]! += speed[k]! * dt;
      }
      this.#hold(i, dt);
      this.#keepNear(i, reach * along, dt);
    }
  }

  /** A point that is farther from its target than it may be is put back to the edge, and stops there. */
  #keepNear(i: number, most: number, dt: number): void {
    const [at, target] = [this.#at, this.#target];
    const [x, y] = [2 * i, 2 * i + 1];
    const far = Math.hypot(at[x]! - target[x]!, at[y]! - target[y]!);
    if (far <= most) return;
    for (const k of [x, y]) {
      const moved = (target[k]! - at[k]!) * (1 - most / far);
      at[k]! += moved;
      this.#speed[k]! += moved / dt;
    }
  }

  /** Keeps point `i` about as far from the one before as it should be; what that takes is taken from its speed too. */
  #hold(i: number, dt: number): void {
    const [at, target] = [this.#at, this.#target];
    const [x, y] = [2 * i, 2 * i + 1];
    const long = Math.hypot(target[x]! - target[x - 2]!, target[y]! - target[y - 2]!);
    const dx = at[x]! - at[x - 2]!;
    const dy = at[y]! - at[y - 2]!;
    const now = Math.hypot(dx, dy);
    const wanted = Math.min(long * (1 + STRETCH), Math.max(long * (1 - STRETCH), now));
    if (wanted === now || now === 0) return;
    for (const [k, d] of [
      [x, dx],
      [y, dy],
    ] as const) {
      const moved = (d * wanted) / now - d;
      at[k]! += moved;
      this.#speed[k]! += moved / dt;
    }
  }

  /** Between the last two steps; `share` 1 is the last one. */
  show(share: number): void {
    for (let k = 0; k < this.#at.length; k += 1) {
      this.#shown[k] = this.#before[k]! + (this.#at[k]! - this.#before[k]!) * share;
    }
  }

  x(index: number): number {
    return this.#shown[2 * index]!;
  }

  y(index: number): number {
    return this.#shown[2 * index + 1]!;
  }
}
