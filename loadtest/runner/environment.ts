/** Clock and timers from outside, so that tests own them. */
export interface Environment {
  /** Monotonic, ms. */
  nowMs(): number;
  /** Since 1970, ms. */
  dateMs(): number;
  setTimer(run: () => void, delayMs: number): unknown;
  clearTimer(timer: unknown): void;
  /** Resolves after timers and sockets had their turn: between two iterations that wait for nothing. */
  turn(): Promise<void>;
}

export const systemEnvironment: Environment = {
  nowMs: () => performance.now(),
  dateMs: () => Date.now(),
  setTimer: (run, delayMs) => setTimeout(run, delayMs),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
};

/** Resolves at `atMs` or when the signal aborts, whichever is first. */
export function until(environment: Environment, atMs: number, signal: AbortSignal): Promise<void> {
  const delayMs = atMs - environment.nowMs();
  if (delayMs <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    let timer: unknown;
    const end = () => {
      environment.clearTimer(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    // Node's timers know whole milliseconds of a clock of their own, and come up to two too early.
    const look = () => {
      const leftMs = atMs - environment.nowMs();
      if (leftMs <= 0) end();
      else timer = environment.setTimer(look, leftMs);
    };
    signal.addEventListener('abort', end);
    look();
  });
}
