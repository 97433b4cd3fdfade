/** Sub-buckets a power of two: 32 give a relative error of at most 1/64. */
const SUB_BITS = 5;
const SUB = 1 << SUB_BITS;
/** 2^25 us = 33 s: everything longer falls into the last bucket. */
const BUCKETS = (25 - SUB_BITS + 2) * SUB;

/**
 * Log-linear histogram of durations, fixed memory (2.8 kB). Estimates of a one-way lag may be negative within their
 * uncertainty; they count as zero here.
 */
export class LagHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  /** Values so far. */
  get count(): number {
    return this.#total;
  }

  /** One duration, ms; more than 33 s count as that. */
  record(ms: number): void {
    const us = Math.max(0, Math.min(Math.round(ms * 1000), 2 ** 25 - 1));
    this.#counts[indexOf(us)]! += 1;
    this.#total += 1;
  }

  /** Milliseconds at `fraction` (0..1); 0 when nothing was recorded. */
  percentile(fraction: number): number {
    if (this.#total === 0) return 0;
    const rank = Math.max(1, Math.ceil(fraction * this.#total));
    let seen = 0;
    for (let index = 0; index < BUCKETS; index++) {
      seen += this.#counts[index]!;
      if (seen >= rank) return middleUs(index) / 1000;
    }
    return middleUs(BUCKETS - 1) / 1000;
  }
}

function indexOf(us: number): number {
  if (us < SUB) return us;
  const exponent = 31 - Math.clz32(us) - SUB_BITS;
  return (exponent + 1) * SUB + ((us >>> exponent) - SUB);
}

function middleUs(index: number): number {
  if (index < SUB) return index;
  const exponent = Math.floor(index / SUB) - 1;
  const low = (SUB + (index % SUB)) * 2 ** exponent;
  return low + (2 ** exponent - 1) / 2;
}
