/** A token bucket; time is an argument. Starts full. */
export class RateLimit {
  readonly #perMs: number;
  readonly #burst: number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#left = burst;
    this.#atMs = nowMs;
  }

  take(nowMs: number): boolean {
    if (!this.has(nowMs)) return false;
    this.#left -= 1;
    return true;
  }

  /** Whether `take` would succeed, so many times in a row. */
  has(nowMs: number, times = 1): boolean {
    this.#left = Math.min(this.#burst, this.#left + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    return this.#left >= times;
  }

  /** How long until `take` would succeed, whole ms. */
  waitMs(nowMs: number): number {
    return this.has(nowMs) ? 0 : Math.ceil((1 - this.#left) / this.#perMs);
  }
}
