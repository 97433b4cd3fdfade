import type { DeliveryOutcome, OutboxEntry } from '../ledger/types.ts';

/** What one attempt came to. */
export type AttemptResult =
  | { kind: 'answer'; status: number; retryAfterMs?: number }
  /** No answer: no connection, or none in time. */
  | { kind: 'silence'; reason: 'timeout' | 'connection' };

/**
 * `delivered`: 2xx. `refused`: an answer about this record (400, 409, 413, 422 and other 4xx). `unavailable`: an answer, or
 * none, that says nothing of the record: 5xx, 3xx, 401, 403, 404, 408, 410, 425, 429, time-out, no connection.
 */
export type Verdict = 'delivered' | 'refused' | 'unavailable';

export interface RetryPolicy {
  /** First wait after a failure, ms; doubled each time. */
  firstRetryMs: number;
  /** Longest wait, ms; of `Retry-After` too. */
  maxRetryMs: number;
}

export interface DeliveryPolicy extends RetryPolicy {
  /** Attempts before a record may become a dead letter. */
  maxAttempts: number;
  /** While the whole backend is unavailable, also this old, ms since it was claimed. */
  deadAfterMs: number;
}

export const DEFAULT_POLICY: DeliveryPolicy = {
  maxAttempts: 12,
  deadAfterMs: 72 * 3_600_000,
  firstRetryMs: 1000,
  maxRetryMs: 600_000,
};

/** A wrong path, key or release: the next deployment of the backend mends it, nothing in the record does. */
const NOT_OF_THE_RECORD: ReadonlySet<number> = new Set([401, 403, 404, 408, 410, 425, 429]);
/** Failures in a row after which one attempt at a time tries whether the backend is back. */
const DOWN_AFTER = 3;
/** A backend that took another record so shortly ago is not down: the fault lies in this record. */
const ALIVE_MS = 60_000;
const MAX_DOUBLINGS = 30;

export function verdictOf(result: AttemptResult): Verdict {
  if (result.kind === 'silence') return 'unavailable';
  const { status } = result;
  if (status >= 200 && status < 300) return 'delivered';
  return status >= 400 && status < 500 && !NOT_OF_THE_RECORD.has(status) ? 'refused' : 'unavailable';
}

/** Exponential from the first failure on, half of it jitter. @param random from 0 to below 1 */
export function backoffMs(failures: number, policy: RetryPolicy, random: number): number {
  const { firstRetryMs, maxRetryMs } = policy;
  const full = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, MAX_DOUBLINGS));
  return Math.ceil(full / 2 + (full / 2) * random);
}

/** `Retry-After`: seconds or an HTTP date, to ms from now. */
export function retryAfterMs(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** What the attempts so far say of the backend as a whole. */
export interface BackendHealth {
  /** Unavailable so many times since it last answered for a record. */
  readonly failures: number;
  /** No attempt before this, ms since 1970. */
  readonly untilMs: number;
  /** When it last took a record; minus infinity: not yet. */
  readonly takenAtMs: number;
}

export const HEALTHY: BackendHealth = { failures: 0, untilMs: 0, takenAtMs: Number.NEGATIVE_INFINITY };

export interface Attempt {
  entry: OutboxEntry;
  startedMs: number;
  endedMs: number;
  result: AttemptResult;
}

/** The backend's health after an attempt. Pure. */
export function healthAfter(
  health: BackendHealth,
  attempt: Attempt,
  policy: DeliveryPolicy,
  random: number,
): BackendHealth {
  const { result, startedMs, endedMs } = attempt;
  const verdict = verdictOf(result);
  if (verdict === 'delivered') return { ...health, failures: 0, takenAtMs: endedMs };
  if (verdict === 'refused') return { ...health, failures: 0 };
  const untilMs = Math.max(health.untilMs, endedMs + askedMs(result, policy));
  // Attempts that were under way together tell of one outage once.
  if (startedMs < health.untilMs) return { ...health, untilMs };
  const failures = health.failures + 1;
  if (failures < DOWN_AFTER) return { ...health, failures, untilMs };
  const pauseMs = backoffMs(failures - DOWN_AFTER + 1, policy, random);
  return { ...health, failures, untilMs: Math.max(untilMs, endedMs + pauseMs) };
}

export function isDown({ failures }: BackendHealth): boolean {
  return failures >= DOWN_AFTER;
}

/**
 * What becomes of a record after an attempt. Pure; `health` is that after the attempt.
 *
 * A record that alone is refused, or fails while others are taken, is dead after `maxAttempts`: its room waits for it. An
 * outage of the whole backend makes dead letters only of what is also `deadAfterMs` old.
 */
export function outcomeOf(
  attempt: Attempt,
  health: BackendHealth,
  policy: DeliveryPolicy,
  random: number,
): DeliveryOutcome {
  const { entry, endedMs, result } = attempt;
  const { id, atMs } = entry.record;
  const verdict = verdictOf(result);
  if (verdict === 'delivered') return { id, outcome: 'delivered', atMs: endedMs };
  const attempts = entry.attempts + 1;
  const itsOwn = verdict === 'refused' || endedMs - health.takenAtMs < ALIVE_MS;
  if (attempts >= policy.maxAttempts && (itsOwn || endedMs - atMs >= policy.deadAfterMs))
    return { id, outcome: 'dead' };
  const waitMs = Math.max(backoffMs(attempts, policy, random), askedMs(result, policy));
  return { id, outcome: 'retry', nextAtMs: endedMs + waitMs };
}

/** What a busy backend asked for, within the longest wait: a wrong header must not park money for a year. */
function askedMs(result: AttemptResult, { maxRetryMs }: DeliveryPolicy): number {
  return result.kind === 'answer' ? Math.min(result.retryAfterMs ?? 0, maxRetryMs) : 0;
}
