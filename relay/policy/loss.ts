const FAST_MS = 3000;
const MIDDLE_MS = 10_000;
const SLOW_MS = 30_000;
/** Below this many packets the slow figure says nothing. */
const MIN_SAMPLE = 50;
/** So many losses of the last seconds are no accident: the fast figure counts. */
const FAST_LOSSES = 3;
/** A step in which that share of at least that many packets got lost is a burst. */
const BURST_SHARE = 0.3;
const BURST_LOSSES = 3;
/** Without one for so long bursts are over. */
const BURST_END_MS = 30_000;

/** Loss of one path from growing counts of sent and lost: exponentially forgotten sums over 3, 10 and 30 s. */
export class LossEstimate {
  #sentFast = 0;
  #lostFast = 0;
  #sentMiddle = 0;
  #lostMiddle = 0;
  #sentSlow = 0;
  #lostSlow = 0;
  /** Lost in bursts, of `#lostSlow`. */
  #lostBurst = 0;
  #sinceBurstMs = 0;

  /** What was sent and found lost since the last call, `stepMs` ago. */
  add(sent: number, lost: number, stepMs: number): void {
    const fast = Math.exp(-stepMs / FAST_MS);
    const middle = Math.exp(-stepMs / MIDDLE_MS);
    const slow = Math.exp(-stepMs / SLOW_MS);
    const burst = lost >= BURST_LOSSES && lost >= BURST_SHARE * sent;
    this.#sentFast = this.#sentFast * fast + sent;
    this.#lostFast = this.#lostFast * fast + lost;
    this.#sentMiddle = this.#sentMiddle * middle + sent;
    this.#lostMiddle = this.#lostMiddle * middle + lost;
    this.#sentSlow = this.#sentSlow * slow + sent;
    this.#lostSlow = this.#lostSlow * slow + lost;
    this.#lostBurst = this.#lostBurst * slow + (burst ? lost : 0);
    this.#sinceBurstMs = burst ? 0 : this.#sinceBurstMs + stepMs;
  }

  /**
   * Share of packets lost, 0 to 1: the less of 10 and 30 s, so that one loss is no loss rate and an old one is forgotten;
   * the last 3 s where that is more and not an accident.
   */
  get rate(): number {
    const fast = this.#lostFast >= FAST_LOSSES ? this.recent : 0;
    return Math.min(1, Math.max(this.steady, fast));
  }

  /** Share of packets lost without what only the last seconds say: the less of 10 and 30 s. */
  get steady(): number {
    const slow = this.#sentSlow < MIN_SAMPLE ? 0 : this.#lostSlow / this.#sentSlow;
    const middle = this.#sentMiddle === 0 ? 0 : this.#lostMiddle / this.#sentMiddle;
    return Math.min(slow, middle);
  }

  /** Share of packets lost over the last 3 s. 0 to 1. */
  get recent(): number {
    return this.#sentFast === 0 ? 0 : Math.min(1, this.#lostFast / this.#sentFast);
  }

  /** Most losses come in bursts. */
  get bursty(): boolean {
    const recent = this.#lostBurst > 0 && this.#sinceBurstMs < BURST_END_MS;
    return recent && this.#lostBurst > 0.5 * this.#lostSlow;
  }
}
