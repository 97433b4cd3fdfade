/** What an answer says of its operation's rate limit. */
export interface RateHeaders {
  /** Calls left in this window. */
  remaining: number;
  /** When the next window begins, by this machine's clock. */
  resetMs: number;
}

interface Window extends RateHeaders {
  /** Calls that were let go and are not in `remaining` yet. */
  inFlight: number;
}

/**
 * Keeps to the rate limits that answers tell. Each operation has its own, none is known before its first answer, and other
 * users of the token use up the same: so a 429 may come all the same.
 */
export class Pace {
  readonly #windows = new Map<string, Window>();

  /** How long an operation has to wait, ms; 0: `started` may be called now. */
  waitMs(operation: string, nowMs: number): number {
    const window = this.#windows.get(operation);
    if (!window || window.resetMs <= nowMs || window.remaining - window.inFlight > 0) return 0;
    return window.resetMs - nowMs;
  }

  started(operation: string): void {
    const window = this.#windows.get(operation);
    if (window) window.inFlight += 1;
    else this.#windows.set(operation, { remaining: Number.POSITIVE_INFINITY, resetMs: 0, inFlight: 1 });
  }

  /** @param headers undefined where no answer came, or one without them */
  ended(operation: string, headers: RateHeaders | undefined): void {
    const window = this.#windows.get(operation);
    if (!window) return;
    window.inFlight -= 1;
    if (!headers) return;
    // Answers may overtake each other: within a window the least counts.
    const same = headers.resetMs <= window.resetMs;
    window.remaining = same ? Math.min(window.remaining, headers.remaining) : headers.remaining;
    window.resetMs = Math.max(window.resetMs, headers.resetMs);
  }
}

/** @param nowMs when the answer came. Linode's times are by its own clock, which `Date` shows. */
export function rateHeaders(headers: { get(name: string): string | null }, nowMs: number): RateHeaders | undefined {
  const remaining = Number(headers.get('x-ratelimit-remaining') ?? Number.NaN);
  const resetS = Number(headers.get('x-ratelimit-reset') ?? Number.NaN);
  if (!Number.isFinite(remaining) || !Number.isFinite(resetS)) return undefined;
  const date = Date.parse(headers.get('date') ?? '');
  const theirNowMs = Number.isFinite(date) ? date : nowMs;
  return { remaining, resetMs: nowMs + Math.max(0, resetS * 1000 - theirNowMs) };
}

/** `Retry-After` in ms: seconds, or a date. */
export function retryAfterMs(headers: { get(name: string): string | null }, nowMs: number): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const at = Date.parse(value);
  return Number.isFinite(at) ? Math.max(0, at - nowMs) : undefined;
}
