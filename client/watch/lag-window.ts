/** Voice of 10 s, motion at 60 fps of 8.5 s. */
const SIZE = 512;
export interface LagQuantiles {
  least: number;
  /** Later than this was the share that may miss its time. */
  late: number;
  /** The latest one. */
  most: number;
}

interface Worth {
  priceMs: number;
  bearable: number;
  least: number;
}

/** The lags of the last units of one kind, ms, in the order of their size too. Fixed memory. */
export class LagWindow {
  readonly #lags = new Float64Array(SIZE);
  /** The first `#length` of it. */
  readonly #sorted = new Float64Array(SIZE);
  #length = 0;
  #count = 0;
  readonly #missing: number;
  readonly quantiles: LagQuantiles = { least: 0, late: 0, most: 0 };

  /** `missing`: share of units that may come later than `late`. */
  constructor(missing: number) {
    this.#missing = missing;
  }

  get count(): number {
    return this.#count;
  }

  /** A hundred times a second for each liver on a phone: one is moved among the sorted ones, nothing is sorted anew. */
  add(lagMs: number): void {
    const at = this.#count % SIZE;
    const sorted = this.#sorted;
    // The place that becomes free.
    let free = this.#length;
    if (free === SIZE) free = this.#atLeast(this.#lags[at]!);
    else this.#length += 1;
    this.#lags[at] = lagMs;
    this.#count += 1;
    for (; free > 0 && sorted[free - 1]! > lagMs; free -= 1) sorted[free] = sorted[free - 1]!;
    for (const last = this.#length - 1; free < last && sorted[free + 1]! < lagMs; free += 1)
      sorted[free] = sorted[free + 1]!;
    sorted[free] = lagMs;
    const { quantiles } = this;
    quantiles.least = sorted[0]!;
    quantiles.late = sorted[Math.min(this.#length - 1, Math.ceil(this.#length * (1 - this.#missing)) - 1)]!;
    quantiles.most = sorted[this.#length - 1]!;
  }

  /**
   * From `freeMs` on, the lag up to which waiting is worth it, when a share of units that come too late is as bad as
   * `priceMs` times it of waiting; `freeMs` when no more than `bearable` of them come later. Few units count as a part of
   * `least`: one of them is no share.
   */
  worthWaiting(freeMs: number, { priceMs, bearable, least }: Worth): number {
    const units = Math.max(least, this.#length);
    const enough = this.#sorted[this.#length - 1 - Math.floor(bearable * units)];
    if (enough === undefined || enough <= freeMs) return freeMs;
    const each = priceMs / units;
    let bestMs = freeMs;
    let bestCost = Number.POSITIVE_INFINITY;
    for (let later = 0; later <= this.#length; later += 1) {
      const lagMs = later === this.#length ? freeMs : this.#sorted[this.#length - 1 - later]!;
      const cost = later * each + Math.max(0, lagMs - freeMs);
      if (cost < bestCost) {
        bestCost = cost;
        bestMs = Math.max(freeMs, lagMs);
      }
      if (lagMs <= freeMs) break;
    }
    return bestMs;
  }

  /** The first place of the sorted ones that holds no less. */
  #atLeast(lagMs: number): number {
    let low = 0;
    for (let high = this.#length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (this.#sorted[middle]! < lagMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
