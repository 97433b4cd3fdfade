import type { Environment } from '../runner/environment.ts';

interface Timer {
  atMs: number;
  order: number;
  run: () => void;
}

/** Simulated time: a test that sleeps for an hour takes no time. */
export class Simulated implements Environment {
  #nowMs = 1000;
  #order = 0;
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return this.#nowMs;
  }

  dateMs(): number {
    return 1_760_000_000_000 + this.#nowMs;
  }

  setTimer(run: () => void, delayMs: number): unknown {
    const timer = { atMs: this.#nowMs + delayMs, order: this.#order++, run };
    this.#timers.add(timer);
    return timer;
  }

  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Advances from timer to timer until `work` settles. Throws when it waits for nothing that will ever come. */
  async finish<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    work.then(mark, mark);
    for (;;) {
      for (let turn = 0; turn < 3; turn++) await this.turn();
      if (settled) return work;
      const next = [...this.#timers].sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (!next) throw new Error('it waits, and no timer is set');
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
  }
}
