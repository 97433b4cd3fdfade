import { describe, expect, it } from 'vitest';
import {
  type Attempt,
  type AttemptResult,
  backoffMs,
  DEFAULT_POLICY,
  HEALTHY,
  healthAfter,
  isDown,
  outcomeOf,
  retryAfterMs,
  verdictOf,
} from './policy.ts';

const NOW = Date.UTC(2026, 0, 1);
const answer = (status: number, retryAfterMs?: number): AttemptResult => ({
  kind: 'answer',
  status,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});
const record = { id: 7, room: 'r', atMs: NOW - 1000 } as Attempt['entry']['record'];
const attempt = (result: AttemptResult, attempts = 0, endedMs = NOW, atMs = NOW - 1000): Attempt => ({
  entry: { record: { ...record, atMs }, attempts, nextAtMs: 0 },
  startedMs: endedMs - 10,
  endedMs,
  result,
});
const afterAll = (results: readonly AttemptResult[]) =>
  results.reduce(
    (health, result, n) => healthAfter(health, attempt(result, 0, NOW + n * 1e7), DEFAULT_POLICY, 1),
    HEALTHY,
  );

describe('the verdict on an answer', () => {
  it.each([
    [[200, 201, 204, 299], 'delivered'],
    [[400, 402, 405, 406, 409, 413, 415, 422, 451], 'refused'],
    [[401, 403, 404, 408, 410, 425, 429], 'unavailable'],
    [[301, 302, 307, 308, 500, 501, 502, 503, 504, 599], 'unavailable'],
  ] as const)('%j is %s', (statuses, verdict) => {
    for (const status of statuses) expect(verdictOf(answer(status)), String(status)).toBe(verdict);
  });

  it('of none is that the backend is unavailable', () => {
    expect(verdictOf({ kind: 'silence', reason: 'timeout' })).toBe('unavailable');
  });
});

describe('the wait', () => {
  it('doubles up to its cap, and half of it is random', () => {
    const waits = [1, 2, 3, 10, 11, 40, 4000].map((n) => backoffMs(n, DEFAULT_POLICY, 0.999_999_999));
    expect(waits).toEqual([1000, 2000, 4000, 512_000, 600_000, 600_000, 600_000]);
    expect([1, 2, 11].map((n) => backoffMs(n, DEFAULT_POLICY, 0))).toEqual([500, 1000, 300_000]);
  });

  it.each([
    [null, undefined],
    ['120', 120_000],
    [new Date(NOW + 5000).toUTCString(), 5000],
    [new Date(NOW - 5000).toUTCString(), 0],
    ['soon', undefined],
    ['99999999999999999999', undefined],
  ])('reads Retry-After %s', (value, ms) => {
    expect(retryAfterMs(value, NOW)).toBe(ms);
  });

  it('is as long as the backend asked for, but not for ever', () => {
    const at = (seconds: number) => outcomeOf(attempt(answer(503, seconds * 1000)), HEALTHY, DEFAULT_POLICY, 0);
    expect(at(120)).toEqual({ id: 7, outcome: 'retry', nextAtMs: NOW + 120_000 });
    expect(at(1e9)).toEqual({ id: 7, outcome: 'retry', nextAtMs: NOW + 600_000 });
  });
});

describe("the backend's health", () => {
  it('is down after three failures in a row, and up by any answer about a record', () => {
    expect(isDown(afterAll([answer(500), answer(502)]))).toBe(false);
    expect(isDown(afterAll([answer(500), answer(502), { kind: 'silence', reason: 'connection' }]))).toBe(true);
    for (const good of [200, 422]) {
      expect(isDown(afterAll([answer(500), answer(500), answer(500), answer(good)])), String(good)).toBe(false);
      expect(isDown(afterAll([answer(500), answer(500), answer(good), answer(500)])), String(good)).toBe(false);
    }
  });

  it('pauses longer with each failure, once for those that were under way together', () => {
    const down = afterAll([answer(500), answer(500), answer(500)]);
    const endedMs = down.untilMs - 1000;
    expect(down.untilMs).toBe(NOW + 2e7 + 1000);
    expect(healthAfter(down, attempt(answer(500), 0, endedMs + 5), DEFAULT_POLICY, 1)).toEqual(down);
    const later = healthAfter(down, attempt(answer(500), 0, down.untilMs + 10), DEFAULT_POLICY, 1);
    expect(later.untilMs).toBe(down.untilMs + 10 + 2000);
  });

  it('pauses all records when a busy backend asks for it', () => {
    expect(afterAll([answer(429, 30_000)]).untilMs).toBe(NOW + 30_000);
  });
});

describe('a record', () => {
  const refused = answer(422);
  const failed = answer(500);
  const alive = { ...HEALTHY, takenAtMs: NOW - 59_000 };
  const quiet = { ...HEALTHY, takenAtMs: NOW - 61_000 };
  const old = NOW - DEFAULT_POLICY.deadAfterMs;

  it.each([
    ['is delivered with any number of attempts', attempt(answer(200), 999), HEALTHY, 'delivered'],
    ['refused 11 times is sent again', attempt(refused, 10), HEALTHY, 'retry'],
    ['refused 12 times is dead', attempt(refused, 11), HEALTHY, 'dead'],
    ['that fails while others are taken is dead after 12', attempt(failed, 11), alive, 'dead'],
    ['that fails while others are taken is sent again before', attempt(failed, 10), alive, 'retry'],
    ['of an outage is sent again however often', attempt(failed, 500), quiet, 'retry'],
    ['of an outage is dead after 72 h', attempt(failed, 500, NOW, old), quiet, 'dead'],
    ['of an outage is tried 12 times however old', attempt(failed, 10, NOW, old), quiet, 'retry'],
  ] as const)('%s', (_, tried, health, outcome) => {
    expect(outcomeOf(tried, health, DEFAULT_POLICY, 0.5)).toMatchObject({ id: 7, outcome });
  });
});
