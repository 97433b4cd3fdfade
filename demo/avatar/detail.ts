/** Slower frames than this, on average, make the picture coarser. */
const SLOW_FRAME_MS = 19.5;
/** Half of the pixels each way are the least. */
const LEAST = 0.5;
const STEP = 0.8;
/** So long is looked at, each time. */
const WINDOW_MS = 1500;
/** A coarser picture that is drawn in more than this share of the time was no use. */
const HELPS = 0.92;
/** Longer between two frames is a pause, not drawing. */
const PAUSE_MS = 250;

/**
 * How fine to draw, from 1 down: software rendering on a busy machine must not take the time that media needs. A screen that
 * is slow by itself (30 Hz) gets no better by fewer pixels, and keeps them.
 */
export class Detail {
  /** Share of the pixels each way. */
  value = 1;
  #sumMs = 0;
  #frames = 0;
  /** One stall in a while says nothing of drawing. */
  #longestMs = 0;
  /** The mean before the last step down, while it is on trial. */
  #slowMs: number | undefined;
  #settled = false;
  /** The backdrop is painted anew for another size: the window after a step does not count. */
  #stepped = false;

  /** @param frameMs between this frame and the one before */
  observe(frameMs: number): void {
    if (this.#settled || !(frameMs > 0 && frameMs < PAUSE_MS)) return;
    this.#sumMs += frameMs;
    this.#frames += 1;
    this.#longestMs = Math.max(this.#longestMs, frameMs);
    if (this.#sumMs < WINDOW_MS) return;
    const meanMs = (this.#sumMs - this.#longestMs) / (this.#frames - 1);
    this.#sumMs = 0;
    this.#frames = 0;
    this.#longestMs = 0;
    if (this.#stepped) {
      this.#stepped = false;
      return;
    }
    if (this.#slowMs !== undefined && meanMs > this.#slowMs * HELPS) {
      this.value /= STEP;
      this.#settled = true;
      return;
    }
    this.#slowMs = undefined;
    if (meanMs <= SLOW_FRAME_MS || this.value * STEP < LEAST) return;
    this.#slowMs = meanMs;
    this.#stepped = true;
    this.value *= STEP;
  }
}
