/** Voice of 10 s, motion at 60 fps of 8.5 s. */
const SIZE = 512;
/** Quantiles are taken anew after so long, or at once when a unit comes later than the delay of before. */
const RENEW_MS = 100;

export interface LagQuantiles {
  least: number;
  p50: number;
  p95: number;
  /** Later than this was the share that may miss its time. */
  late: number;
}

/** The lags of the last units of one kind, ms. Fixed memory. */
export class LagWindow {
  readonly #lags = new Float64Array(SIZE);
  readonly #sorted = new Float64Array(SIZE);
  #count = 0;
  #renewedMs = Number.NEGATIVE_INFINITY;
  readonly #missing: number;
  readonly quantiles: LagQuantiles = { least: 0, p50: 0, p95: 0, late: 0 };

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
    const sorted = this.#sorted.subarray(0, count);
    sorted.set(this.#lags.subarray(0, count));
    sorted.sort();
    const at = (share: number) => sorted[Math.min(count - 1, Math.ceil(count * share) - 1)]!;
    const { quantiles } = this;
    quantiles.least = sorted[0]!;
    quantiles.p50 = at(0.5);
    quantiles.p95 = at(0.95);
    quantiles.late = at(1 - this.#missing);
  }
}
