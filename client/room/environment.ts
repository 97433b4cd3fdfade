/** The clock, timers and chance that everything in this package takes from outside, so that tests own them. */
export interface Environment {
  /** Monotonic: the clock of the sessions' `nowUs()`, which capture times and probe answers are in. */
  nowMs(): number;
  /** Milliseconds since 1970, as far as this machine knows: for times of tokens alone. */
  wallMs(): number;
  setTimer(run: () => void, delayMs: number): unknown;
  clearTimer(timer: unknown): void;
  /** [0, 1). */
  random(): number;
}

export const systemTimers: Omit<Environment, 'nowMs'> = {
  wallMs: () => Date.now(),
  setTimer: (run, delayMs) => setTimeout(run, delayMs),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  random: () => Math.random(),
};
