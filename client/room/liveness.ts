import type { Environment } from './environment.ts';

const LATE_IN_A_ROW = 3;
/** A relay says something each 200 ms. */
const PROOF_MS = 300;

/**
 * Declares the relay dead after a silence. It sends something each 200 ms, so silence means a dead path.
 *
 * A check that itself ran late proves nothing: this thread stood still (a suspended tab, a long task) and what arrived
 * meanwhile is still queued behind it. Then the count starts over. In a hidden page every check is late; what arrives is not
 * held up there, so that some of them in a row with nothing between do prove it.
 */
export class Liveness {
  readonly #environment: Environment;
  readonly #deadAfterMs: number;
  readonly #onDead: () => void;
  readonly #onStill: () => void;
  #heardMs = 0;
  /** The longest silence since the last check. */
  #quietMs = 0;
  /** Late checks since something was heard. */
  #late = 0;
  #expectedMs = 0;
  /** Something has to come by then: the network may be another one. */
  #proofMs = Number.POSITIVE_INFINITY;
  #timer: unknown;

  /**
   * @param onStill each time that this thread stood still: a check was late, and nothing was heard meanwhile. In a hidden page
   * checks are late all the time, and what comes is heard all the same.
   */
  constructor(environment: Environment, deadAfterMs: number, onDead: () => void, onStill: () => void = () => {}) {
    this.#environment = environment;
    this.#deadAfterMs = deadAfterMs;
    this.#onDead = onDead;
    this.#onStill = onStill;
  }

  start(): void {
    this.stop();
    this.heard();
    this.#quietMs = 0;
    this.#arm();
  }

  heard(): void {
    const now = this.#environment.nowMs();
    this.#quietMs = Math.max(this.#quietMs, now - this.#heardMs);
    this.#heardMs = now;
    this.#late = 0;
    this.#proofMs = Number.POSITIVE_INFINITY;
  }

  /**
   * The path may be gone: what is alive shows itself within `PROOF_MS`, or counts as dead then. A path that is gone is not
   * waited for until the silence is long enough. Once stopped, nothing.
   */
  doubt(): void {
    if (this.#timer === undefined || this.#proofMs !== Number.POSITIVE_INFINITY) return;
    this.#environment.clearTimer(this.#timer);
    this.#proofMs = this.#environment.nowMs() + PROOF_MS;
    this.#arm();
  }

  stop(): void {
    if (this.#timer !== undefined) this.#environment.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #deadline(): number {
    return Math.min(this.#heardMs + this.#deadAfterMs, this.#proofMs);
  }

  #arm(): void {
    const now = this.#environment.nowMs();
    // Not after the moment at which the silence is long enough.
    const waitMs = Math.min(this.#deadAfterMs / 4, Math.max(1, this.#deadline() - now));
    this.#expectedMs = now + waitMs;
    this.#timer = this.#environment.setTimer(() => this.#check(), waitMs);
  }

  #check(): void {
    const now = this.#environment.nowMs();
    const quietMs = Math.max(this.#quietMs, now - this.#heardMs);
    this.#quietMs = 0;
    if (now - this.#expectedMs > this.#deadAfterMs / 4) {
      this.#late += 1;
      if (quietMs > PROOF_MS) this.#onStill();
      if (this.#late < LATE_IN_A_ROW) {
        this.#heardMs = now;
        if (this.#proofMs !== Number.POSITIVE_INFINITY) this.#proofMs = now + PROOF_MS;
      }
    }
    if (now >= this.#deadline()) {
      this.#timer = undefined;
      this.#onDead();
      return;
    }
    this.#arm();
  }
}
