import type { Tuning } from './tuning.ts';

/** Above the mean by so much, or by half the jitter, it is no noise: the path has become longer, */
const LONGER_MS = 5;
/** and what the connection says takes so long to get there: it is followed meanwhile. */
const FOLLOW_MS = 2000;

/**
 * Mean round trip of one path for what is decided by it. What a connection says is the mean of its last ten packets or so,
 * whose noise is no reason to act: this follows a longer path at once, and noise hardly.
 */
export class RoundTrip {
  readonly #tuning: Tuning;
  #meanMs: number | undefined;
  #followMs = 0;

  constructor(tuning: Tuning) {
    this.#tuning = tuning;
  }

  /** Undefined before the first figure. */
  get ms(): number | undefined {
    return this.#meanMs;
  }

  /** `rttMs`: the connection's smoothed round trip, `minRttMs` its least, both now; 0: not known. */
  add(rttMs: number, minRttMs: number, stepMs: number): void {
    if (rttMs <= 0) return;
    const meanMs = this.#meanMs ?? rttMs;
    const longer = rttMs - meanMs > Math.max(LONGER_MS, (meanMs - minRttMs) / 2);
    this.#followMs = longer ? FOLLOW_MS : Math.max(0, this.#followMs - stepMs);
    const follow = this.#followMs > 0 && rttMs > meanMs;
    this.#meanMs = follow ? rttMs : meanMs + (rttMs - meanMs) * (1 - Math.exp(-stepMs / this.#tuning.roundTripMs));
  }
}
