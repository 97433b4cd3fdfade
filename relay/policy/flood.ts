/** Over the limit for so many reports on end, and the session ends. */
const STRIKES = 3;
/** Repeats since the key bring each motion unit up to eight times; what is refused costs as much to look at. */
const ALL_FACTOR = 5;

export interface FloodCounts {
  /** Grow. */
  received: number;
  duplicate: number;
  /** Since the last report. */
  refused: number;
}

/** Whether a publisher sends more than any face and voice need; what it sends goes to every viewer. */
export class Flood {
  readonly #perSecond: number;
  #before: { received: number; duplicate: number; ms: number } | undefined;
  #strikes = 0;

  /** `perSecond`: new units. Five times as many with repeats and refused ones. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Called with each report. `close` after the third report on end that is over. */
  check({ received, duplicate, refused }: FloodCounts, nowMs: number): 'fine' | 'warn' | 'close' {
    const before = this.#before;
    this.#before = { received, duplicate, ms: nowMs };
    if (!before) return 'fine';
    const seconds = Math.max(0.5, (nowMs - before.ms) / 1000);
    const fresh = (received - before.received) / seconds;
    const all = fresh + (duplicate - before.duplicate + refused) / seconds;
    const over = fresh > this.#perSecond || all > ALL_FACTOR * this.#perSecond;
    this.#strikes = over ? this.#strikes + 1 : 0;
    return over ? (this.#strikes >= STRIKES ? 'close' : 'warn') : 'fine';
  }
}
