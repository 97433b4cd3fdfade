/** A device that missed a buffer puts the rest out later, and the voice stays behind the face until this clock knows. */
const HALF_MS = 400;

/**
 * Maps the audio context's time to `performance.now()`. `currentTime` steps by whole buffers, so each reading is late by up
 * to one: the least difference of the last readings is the true one. Two halves, so that it follows drift.
 */
export class AudioClock {
  readonly #context: BaseAudioContext;
  #best = Number.POSITIVE_INFINITY;
  #before = Number.POSITIVE_INFINITY;
  #since = 0;

  constructor(context: BaseAudioContext) {
    this.#context = context;
  }

  /** Reads both clocks; call it often. Returns performance time minus context time, ms. */
  observe(nowMs: number): number {
    const difference = nowMs - this.#context.currentTime * 1000;
    if (nowMs - this.#since > HALF_MS) {
      this.#before = this.#best;
      this.#best = difference;
      this.#since = nowMs;
    }
    this.#best = Math.min(this.#best, difference);
    // A pause of the context (suspend) moves the difference up for good.
    if (difference - Math.min(this.#best, this.#before) > 100) {
      this.#best = difference;
      this.#before = difference;
    }
    return Math.min(this.#best, this.#before);
  }
}
