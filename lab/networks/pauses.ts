/** How long a viewer was without a new frame or voice packet. Used in browsers too. */
export class Pauses {
  /** Of the last frame and voice packet; NaN before the first. */
  readonly #lastMs: [number, number] = [Number.NaN, Number.NaN];
  #longestMs = 0;
  count = 0;

  /** @param kind 0 a frame, 1 a voice packet */
  took(kind: 0 | 1, receivedMs: number): void {
    const pauseMs = receivedMs - this.#lastMs[kind];
    if (pauseMs > this.#longestMs) this.#longestMs = pauseMs;
    this.count += 1;
    this.#lastMs[kind] = receivedMs;
  }

  /** What came before counts no more. */
  begin(): void {
    this.#longestMs = 0;
    this.count = 0;
  }

  /** The longest pause, ms. One that lasts counts; Infinity: nothing ever came. */
  longestMs(nowMs: number): number {
    const lasting = this.#lastMs.map((ms) => (Number.isNaN(ms) ? Number.POSITIVE_INFINITY : nowMs - ms));
    return Math.round(Math.max(this.#longestMs, ...lasting));
  }
}
