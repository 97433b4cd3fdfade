import type { Clock } from '../webhook/clock.ts';

interface Timer {
  atMs: number;
  callback: () => void;
}

/** Time that goes on when the test says so. */
export class ManualClock implements Clock {
  #nowMs: number;
  #timers: Timer[] = [];

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  dateMs(): number {
    return this.#nowMs;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  /** Timers that wait. */
  get timers(): number {
    return this.#timers.length;
  }

  /** So much later; what is due on the way runs in its time. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    while (this.#timers.some(({ atMs }) => atMs <= untilMs)) this.skip();
    this.#nowMs = untilMs;
  }

  /** To the next timer, which runs; false when there is none. */
  skip(): boolean {
    let next: Timer | undefined;
    for (const each of this.#timers) if (!next || each.atMs < next.atMs) next = each;
    if (!next) return false;
    this.#timers = this.#timers.filter((each) => each !== next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.callback();
    return true;
  }
}
