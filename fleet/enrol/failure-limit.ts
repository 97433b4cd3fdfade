const WINDOW_MS = 60_000;
const MOST = 20;
/** Addresses that are remembered: an attacker has many, and must not fill the memory. */
const MAX_ADDRESSES = 10_000;

/** Counts failures by address in fixed windows: who guesses is slowed down, who is let in is not. */
export class FailureLimit {
  readonly #nowMs: () => number;
  readonly #failures = new Map<string, { count: number; endsMs: number }>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  failed(address: string): void {
    const nowMs = this.#nowMs();
    const present = this.#failures.get(address);
    if (present && present.endsMs > nowMs) {
      present.count += 1;
      return;
    }
    this.#failures.delete(address);
    // Maps keep their order: the oldest goes.
    if (this.#failures.size >= MAX_ADDRESSES) this.#failures.delete(this.#failures.keys().next().value!);
    this.#failures.set(address, { count: 1, endsMs: nowMs + WINDOW_MS });
  }

  /** 0: may ask now. */
  waitMs(address: string): number {
    const present = this.#failures.get(address);
    if (!present || present.count < MOST) return 0;
    return Math.max(0, present.endsMs - this.#nowMs());
  }
}
