import type { Environment } from './environment.ts';

const LATE_IN_A_ROW = 3;

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
  #heardMs = 0;
  /** Late checks since something was heard. */
  #late = 0;
  #expectedMs = 0;
  #timer: unknown;

  constructor(environment: Environment, deadAfterMs: number, onDead: () => void) {
    this.#environment = environment;
    this.#deadAfterMs = deadAfterMs;
    this.#onDead = onDead;
  }

  start(): void {
    this.stop();
    this.heard();
    this.#arm();
  }

  heard(): void {
    this.#heardMs = this.#environment.nowMs();
    this.#late = 0;
  }

  stop(): void {
    if (this.#timer !== undefined) this.#environment.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    const waitMs = this.#deadAfterMs / 4;
    this.#expectedMs = this.#environment.nowMs() + waitMs;
    this.#timer = this.#environment.setTimer(() => this.#check(), waitMs);
  }

  #check(): void {
    const now = this.#environment.nowMs();
    if (now - this.#expectedMs > this.#deadAfterMs / 4) {
      this.#late += 1;
      if (this.#late < LATE_IN_A_ROW) this.#heardMs = now;
    }
    if (now - this.#heardMs >= this.#deadAfterMs) {
      this.#timer = undefined;
      this.#onDead();
      return;
    }
    this.#arm();
  }
}
