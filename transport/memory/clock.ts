/** Time and timers of a memory session; injected so that tests decide when a packet arrives. */
export interface Clock {
  /** Monotonic, us. */
  nowUs(): number;
  /** Runs `task` at `atUs`, in order of time, equal times in order of the calls. */
  schedule(atUs: number, task: () => void): void;
}

/** Stands still until told: `advance` runs what came due. */
export class ManualClock implements Clock {
  #nowUs: number;
  #tasks: { atUs: number; task: () => void }[] = [];

  constructor(startUs = 0) {
    this.#nowUs = startUs;
  }

  nowUs(): number {
    return this.#nowUs;
  }

  schedule(atUs: number, task: () => void): void {
    let at = this.#tasks.length;
    while (at > 0 && this.#tasks[at - 1]!.atUs > atUs) at -= 1;
    this.#tasks.splice(at, 0, { atUs, task });
  }

  /** Runs the tasks due within the next `ms`, each at its own time, those they schedule included. */
  advance(ms: number): void {
    const untilUs = this.#nowUs + ms * 1000;
    for (;;) {
      const next = this.#tasks[0];
      if (next === undefined || next.atUs > untilUs) break;
      this.#tasks.shift();
      this.#nowUs = Math.max(this.#nowUs, next.atUs);
      next.task();
    }
    this.#nowUs = untilUs;
  }

  /** Tasks still waiting. */
  get pending(): number {
    return this.#tasks.length;
  }
}

export const systemClock: Clock = {
  nowUs: () => performance.now() * 1000,
  schedule(atUs, task) {
    const delayMs = (atUs - this.nowUs()) / 1000;
    if (delayMs <= 0) queueMicrotask(task);
    else setTimeout(task, delayMs);
  },
};
