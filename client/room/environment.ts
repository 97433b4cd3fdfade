/** The clock, timers and chance that everything in this package takes from outside, so that tests own them. */
export interface Environment {
  /** Monotonic. */
  nowMs(): number;
  setTimer(run: () => void, delayMs: number): unknown;
  clearTimer(timer: unknown): void;
  /** [0, 1). */
  random(): number;
}

export const systemEnvironment: Environment = {
  nowMs: () => performance.now(),
  setTimer: (run, delayMs) => setTimeout(run, delayMs),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  random: () => Math.random(),
};
