import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TUNING } from '../policy/tuning.ts';
import { lagP99, simulate, type Way } from './delivery-simulation.ts';

const near = { delayMs: 5, jitterMs: 2 };
const FROM_MS = 30_000;
const TO_MS = 50_000;

/** Twenty seconds of bursts in an otherwise quiet path. */
function bursts(burst: { goodMs: number; badMs: number }, seed: number, tuning = TUNING) {
  const down = (atMs: number): Way => (atMs >= FROM_MS && atMs < TO_MS ? { ...near, burst } : near);
  return simulate({ seconds: 150, seed, tuning, uplink: () => near, viewers: [{ down }] })[0]!;
}

const classAt = ({ decisions }: ReturnType<typeof bursts>, atMs: number) =>
  decisions.findLast((each) => each.atMs < atMs)!.decision.delivery;

describe('after bursts of loss', () => {
  it('the class is what it was, nothing is missing and the budget is kept', () => {
    const burst = fc.record({
      goodMs: fc.integer({ min: 600, max: 4000 }),
      badMs: fc.integer({ min: 40, max: 330 }),
    });
    fc.assert(
      fc.property(burst, fc.integer({ min: 1, max: 99 }), (shape, seed) => {
        const result = bursts(shape, seed);
        expect(classAt(result, Number.POSITIVE_INFINITY)).toEqual(classAt(result, FROM_MS));
        expect(result.missing.filter(({ atMs }) => atMs >= TO_MS + 1000)).toEqual([]);
        expect(lagP99(result, TO_MS + 1000)).toBeLessThanOrEqual(100);
      }),
      { seed: 7, numRuns: 25 },
    );
  });

  it('control: a policy that never gives repair up stays where the bursts left it', () => {
    const never = { ...TUNING, repairHoldMs: 1e9, maxRepairHoldMs: 1e9 };
    const result = bursts({ goodMs: 1500, badMs: 250 }, 1, never);
    expect(classAt(result, FROM_MS).repair).toBe('none');
    expect(classAt(result, Number.POSITIVE_INFINITY).repair).not.toBe('none');
  });
});
