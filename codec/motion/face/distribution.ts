import { TOTAL } from './range-coder.ts';
import { INVERSE, LOG2, SAME } from './tables/common.ts';

/** Distances in 1/64 step at and over which a distribution has ended, by scale. */
const END = Int32Array.from(INVERSE, (inverse) => Math.ceil((32 * 64 * 2 ** 14) / inverse));
const INVERSES = Int32Array.from(INVERSE);
const SAMES = Int32Array.from(SAME);
const LOG2S = Int32Array.from(LOG2);

/** Bits of a symbol of `frequency`, in 1/256. */
export function costOf(frequency: number): number {
  const exponent = 31 - Math.clz32(frequency);
  const mantissa = exponent >= 8 ? (frequency >>> (exponent - 8)) & 255 : (frequency << (8 - exponent)) & 255;
  return ((16 - exponent) << 8) - LOG2S[mantissa]!;
}

/**
 * The distribution of one channel's residual: a peak at 0, and two Laplace distributions of one mean. All integers; the
 * same on every platform.
 */
export class Distribution {
  readonly #mix: Int32Array;
  #low = 0;
  #high = 0;
  #count = 0;
  #mean = 0;
  #inverse = 0;
  #end = 0;
  #same = 0;

  constructor(mix: Int32Array) {
    this.#mix = mix;
  }

  /** `mean` in 1/64 step, `scale` 0..64, `same` 0..128, residuals `low`..`high`. */
  set(mean: number, scale: number, same: number, low: number, high: number): void {
    this.#mean = mean;
    this.#inverse = INVERSES[scale]!;
    this.#end = END[scale]!;
    this.#same = SAMES[same]!;
    this.#low = low;
    this.#high = high;
    this.#count = high - low + 1;
  }

  /** The mean, as a residual. */
  get nearest(): number {
    return (this.#mean + 32) >> 6;
  }

  /** Whether residual `k` is inside the channel's range. */
  holds(k: number): boolean {
    return k >= this.#low && k <= this.#high;
  }

  /** The residual whose frequencies `target` (0..TOTAL-1) falls in. */
  find(target: number): number {
    // No change is the most frequent by far; from there on, doubled strides and halves.
    let low = this.#low;
    let high = this.#high;
    if (target < this.below(0)) {
      high = -1;
      for (let stride = 2; high - stride >= low; stride *= 2) {
        if (target >= this.below(high - stride + 1)) {
          low = high - stride + 1;
          break;
        }
        high -= stride;
      }
    } else {
      if (target < this.below(1)) return 0;
      low = 1;
      for (let stride = 2; low + stride <= high; stride *= 2) {
        if (target < this.below(low + stride)) {
          high = low + stride - 1;
          break;
        }
        low += stride;
      }
    }
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (target >= this.below(middle)) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Sum of the frequencies below residual `k`, low <= k <= high + 1: 0..TOTAL. */
  below(k: number): number {
    if (k <= this.#low) return 0;
    if (k > this.#high) return TOTAL;
    const distance = (k << 6) - 32 - this.#mean;
    const size = distance < 0 ? -distance : distance;
    let part = 32_768;
    if (size < this.#end) {
      const u = Math.imul(size, this.#inverse);
      const at = u >>> 16;
      const from = this.#mix[at]!;
      part = from + ((Math.imul(this.#mix[at + 1]! - from, u & 65_535) >>> 16) | 0);
    }
    if (distance < 0) part = 32_768 - part;
    let p = Math.imul(32_768 - this.#same, part) >>> 15;
    if (k > 0) p += this.#same;
    // Every residual keeps a frequency of one at least.
    return (Math.imul(p, TOTAL - this.#count) >>> 15) + k - this.#low;
  }

  /** Bits of residual `k`, in 1/256. */
  cost(k: number): number {
    return costOf(this.below(k + 1) - this.below(k));
  }
}
