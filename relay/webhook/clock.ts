/** Time, so that tests can hold it. */
export interface Clock {
  /** ms since 1970. */
  nowMs(): number;
  /** Calls back after so many ms; gives the way to cancel it. */
  after(ms: number, callback: () => void): () => void;
}

/** setTimeout takes 31 bits. */
const MAX_TIMER_MS = 0x7fff_ffff;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(ms, MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};
