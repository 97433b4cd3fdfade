const BUCKETS_AN_OCTAVE = 512;
/** Bits of a double's high word below those that name the bucket: 20 of the mantissa less the 9 that 512 buckets take. */
const SHIFT = 11;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const LITTLE = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
const HIGH = LITTLE ? 1 : 0;
const LOW = LITTLE ? 0 : 1;

/**
 * Counts of values in 512 buckets an octave, over all doubles: a quantile is at most 0.1 % of its value off; count, min
 * and max are exact. Merging gives the same as one histogram that saw every value, whatever the order (`sum` up to the
 * rounding of its additions). 4 KB an octave that holds a value; adding allocates nothing else.
 */
export class Histogram {
  /** By octave and sign: key >> 9 of the bucket's key. */
  readonly #pages = new Map<number, Float64Array>();
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** 0 while empty, like `max` and `mean`. */
  get min(): number {
    return this.#count === 0 ? 0 : this.#min;
  }

  get max(): number {
    return this.#count === 0 ? 0 : this.#max;
  }

  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** NaN and infinities are left out. */
  add(value: number): void {
    if (!Number.isFinite(value)) return;
    // -0 is 0.
    double[0] = value + 0;
    const key = words[HIGH]! >>> SHIFT;
    const at = key & (BUCKETS_AN_OCTAVE - 1);
    const page = this.#page(key >>> 9);
    page[at]! += 1;
    this.#count += 1;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
  }

  merge(other: Histogram): void {
    for (const [number, from] of other.#pages) {
      const page = this.#page(number);
      for (let at = 0; at < BUCKETS_AN_OCTAVE; at++) page[at]! += from[at]!;
    }
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
  }

  /** Value at `fraction` (0 to 1) of the sorted values, between two of them interpolated as k6 does. 0 while empty. */
  quantile(fraction: number): number {
    if (this.#count === 0) return 0;
    const position = Math.min(Math.max(fraction, 0), 1) * (this.#count - 1);
    const below = Math.floor(position);
    const low = this.#valueAt(below);
    if (position === below) return low;
    return low + (this.#valueAt(below + 1) - low) * (position - below);
  }

  /** What the value of this rank (from 0) is: the middle of its bucket, within what was seen. */
  #valueAt(rank: number): number {
    if (rank === 0) return this.#min;
    if (rank === this.#count - 1) return this.#max;
    let left = rank;
    for (const number of this.#sortedPages()) {
      const page = this.#pages.get(number)!;
      const negative = number >= 1 << 11;
      for (let step = 0; step < BUCKETS_AN_OCTAVE; step++) {
        const at = negative ? BUCKETS_AN_OCTAVE - 1 - step : step;
        left -= page[at]!;
        if (left < 0) return Math.min(Math.max(middle((number << 9) | at), this.#min), this.#max);
      }
    }
    return this.#max;
  }

  /** Most negative first. A double's sign is the highest bit, its magnitude grows with the other ones. */
  #sortedPages(): number[] {
    const order = (number: number) => (number >= 1 << 11 ? (1 << 11) - 1 - number : number);
    return [...this.#pages.keys()].sort((a, b) => order(a) - order(b));
  }

  #page(number: number): Float64Array {
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new Float64Array(BUCKETS_AN_OCTAVE);
      this.#pages.set(number, page);
    }
    return page;
  }
}

function middle(key: number): number {
  words[LOW] = 0;
  words[HIGH] = (key << SHIFT) >>> 0;
  const low = double[0]!;
  words[HIGH] = ((key << SHIFT) | (1 << (SHIFT - 1))) >>> 0;
  // Of the first bucket the lower end is what is there: zero.
  return low === 0 ? 0 : double[0]!;
}
