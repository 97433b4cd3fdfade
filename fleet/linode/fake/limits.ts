export interface RateLimit {
  calls: number;
  /** Of a window, seconds. */
  perS: number;
}

export interface RateLimits {
  /** `POST /linode/instances`. */
  create: RateLimit;
  /** GET of a collection, each one by itself. */
  list: RateLimit;
  /** Any other operation, each one by itself. */
  other: RateLimit;
}

/** By Linode's documentation of 2026. What it does is told by its headers; a client that knows numbers finds out with others here. */
export const RATE_LIMITS: RateLimits = {
  create: { calls: 20, perS: 15 },
  list: { calls: 200, perS: 60 },
  other: { calls: 1600, perS: 120 },
};

interface Window {
  endMs: number;
  left: number;
}

export interface Taken {
  allowed: boolean;
  limit: number;
  remaining: number;
  resetS: number;
  retryAfterS: number;
}

/** Counts calls in fixed windows that begin with the first call. */
export class CallLimits {
  readonly #limits: RateLimits;
  readonly #windows = new Map<string, Window>();

  constructor(limits: RateLimits) {
    this.#limits = limits;
  }

  take(operation: string, kind: keyof RateLimits, nowMs: number): Taken {
    const { calls, perS } = this.#limits[kind];
    let window = this.#windows.get(operation);
    if (!window || window.endMs <= nowMs) {
      // To the second, as the header says it.
      window = { endMs: Math.ceil((nowMs + perS * 1000) / 1000) * 1000, left: calls };
      this.#windows.set(operation, window);
    }
    const allowed = window.left > 0;
    if (allowed) window.left -= 1;
    return {
      ...{ allowed, limit: calls, remaining: window.left, resetS: window.endMs / 1000 },
      retryAfterS: Math.ceil((window.endMs - nowMs) / 1000),
    };
  }
}
