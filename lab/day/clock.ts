interface Timer {
  atMs: number;
  order: number;
  run: () => void;
}

/** A day's time: goes on when the simulation says so. Timers run in the order of their time. */
export class DayClock {
  #nowMs: number;
  #order = 0;
  /** By time, latest first. */
  #timers: Timer[] = [];

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  nowMs = (): number => this.#nowMs;

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, order: this.#order++, run };
    let at = this.#timers.length;
    while (at > 0 && this.#timers[at - 1]!.atMs <= timer.atMs) at -= 1;
    this.#timers.splice(at, 0, timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** To that moment, with all that is due on the way, and what follows from it. */
  async advanceTo(untilMs: number): Promise<void> {
    for (;;) {
      const next = this.#timers.at(-1);
      if (!next || next.atMs > untilMs) break;
      this.#timers.pop();
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await idle();
    }
    this.#nowMs = untilMs;
    await idle();
  }
}

/** All promises that wait for nothing but each other have gone on. */
const idle = () => new Promise<void>((resolve) => setImmediate(resolve));
