import type { Environment } from './environment.ts';

/**
 * Declares the relay dead after a silence. It sends something each 200 ms, so silence means a dead path.
 *
 * A check that itself ran late proves nothing: this thread stood still (a suspended tab, a long task) and what arrived
 * meanwhile is still queued behind it. Then the count starts over.
 */
export class Liveness {
  readonly #environment: Environment;
  readonly #deadAfterMs: number;
  readonly #onDead: () => void;
  #heardMs = 0;
  #expectedMs = 0;
  #timer: unknown;

  constructor(environment: Environment, deadAfterMs: number, onDead: () => void) {
    this.#environment = environment;
    this.#deadAfterMs = deadAfterMs;
    this.#onDead = onDead;
  }

  start(): void {
    this.stop();
    this.#heardMs = this.#environment.nowMs();
    this.#arm();
  }

  heard(): void {
    this.#heardMs = this.#environment.nowMs();
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
    const stalled = now - this.#expectedMs > this.#deadAfterMs / 4;
    if (stalled) this.#heardMs = now;
    if (now - this.#heardMs >= this.#deadAfterMs) {
      this.#timer = undefined;
      this.#onDead();
      return;
    }
    this.#arm();
  }
}
