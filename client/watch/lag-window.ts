/** Voice of 10 s, motion at 60 fps of 8.5 s. */
const SIZE = 512;
/** Quantiles are taken anew after so long, or at once when a unit comes later than the delay of before. */
const RENEW_MS = 100;

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

/** The lags of the last units of one kind, ms. Fixed memory. */
export class LagWindow {
  readonly #lags = new Float64Array(SIZE);
  readonly #sorted = new Float64Array(SIZE);
  #count = 0;
  #renewedMs = Number.NEGATIVE_INFINITY;
  readonly #missing: number;
  /** Of the window when `quantiles` were taken. */
  #length = 0;
  readonly quantiles: LagQuantiles = { least: 0, late: 0, most: 0 };

  /** `missing`: share of units that may come later than `late`. */
  constructor(missing: number) {
    this.#missing = missing;
  }

  get count(): number {
    return this.#count;
  }

  add(lagMs: number, nowMs: number): void {
    this.#lags[this.#count % SIZE] = lagMs;
    this.#count += 1;
    // The first ones count at once.
    if (this.#count > 20 && lagMs <= this.quantiles.late && Math.abs(nowMs - this.#renewedMs) < RENEW_MS) return;
    this.#renewedMs = nowMs;
    const count = Math.min(this.#count, SIZE);
    this.#length = count;
    const sorted = this.#sorted.subarray(0, count);
    sorted.set(this.#lags.subarray(0, count));
    sorted.sort();
    const at = (share: number) => sorted[Math.min(count - 1, Math.ceil(count * share) - 1)]!;
    const { quantiles } = this;
    quantiles.least = sorted[0]!;
    quantiles.late = at(1 - this.#missing);
    quantiles.most = sorted[count - 1]!;
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
}
