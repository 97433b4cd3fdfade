/** A step that did not last this many times its own wait was taken too early. */
const SOON = 4;

/**
 * How long something better has to be true before it is believed. Each time that it did not last the wait doubles; when
 * it lasted it starts anew. That bounds how often anything can swing, whatever the path does.
 */
export class Patience {
  readonly #minMs: number;
  readonly #maxMs: number;
  #holdMs: number;
  #sinceMs: number | undefined;
  /** When the last step was taken that has not failed. */
  #steppedMs: number | undefined;

  constructor(minMs: number, maxMs: number) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#holdMs = minMs;
  }

  /** True once `better` has held for long enough; then it waits anew. */
  ready(better: boolean, nowMs: number): boolean {
    if (!better) {
      this.#sinceMs = undefined;
      return false;
    }
    this.#sinceMs ??= nowMs;
    if (nowMs - this.#sinceMs < this.#holdMs) return false;
    this.#sinceMs = undefined;
    this.#steppedMs = nowMs;
    return true;
  }

  /** It got worse again. */
  failed(nowMs: number): void {
    this.#sinceMs = undefined;
    if (this.#steppedMs === undefined) return;
    const soon = nowMs - this.#steppedMs < SOON * this.#holdMs;
    this.#holdMs = soon ? Math.min(this.#maxMs, 2 * this.#holdMs) : this.#minMs;
    this.#steppedMs = undefined;
  }
}
