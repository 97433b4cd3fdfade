/** So much of a second's units may come at once: what a stalled uplink brings is at its own, far lower rate. */
const BURST_US = 500_000;

/** So many units a second: each takes its share of time, at most half a second ahead of the clock. Times are whole us. */
export class UnitRate {
  readonly #shareUs: number;
  /** All time before this is taken. */
  #takenUntilUs = 0;

  /** 0: any number. */
  constructor(perSecond: number) {
    this.#shareUs = perSecond > 0 ? Math.floor(1_000_000 / perSecond) : 0;
  }

  /** False, and nothing is taken, for a unit too many. */
  take(nowUs: number): boolean {
    if (this.#takenUntilUs > nowUs + BURST_US) return false;
    this.#takenUntilUs = Math.max(this.#takenUntilUs, nowUs) + this.#shareUs;
    return true;
  }
}
