import { describe, expect, it } from 'vitest';
import { random } from '../../codec/bench/random.ts';
import { RoundTrip } from './round-trip.ts';
import { TUNING } from './tuning.ts';

const STEP_MS = 500;
const LEAST_MS = 30;

/** What a connection says each half second on a link of 20 ± 5 ms each way: its own mean over eight packets. */
function connection(seed: number) {
  const next = random(seed);
  let ms = 40;
  return () => {
    for (let packet = 0; packet < 12; packet += 1) ms += (LEAST_MS + 10 * next() + 10 * next() - ms) / 8;
    return ms;
  };
}

const spread = (values: number[]) => Math.max(...values) - Math.min(...values);

describe('round trip', () => {
  it('is not known before the first figure', () => {
    const trip = new RoundTrip(TUNING);
    trip.add(0, 0, STEP_MS);
    expect(trip.ms).toBeUndefined();
    trip.add(40, 30, STEP_MS);
    expect(trip.ms).toBe(40);
  });

  it("keeps out the noise that the connection's own figure has (control)", () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const say = connection(seed);
      const trip = new RoundTrip(TUNING);
      const own: number[] = [];
      const mean: number[] = [];
      for (let step = 0; step < 240; step += 1) {
        const ms = say();
        trip.add(ms, LEAST_MS, STEP_MS);
        if (step < 20) continue;
        own.push(ms);
        mean.push(trip.ms!);
      }
      expect(spread(own), `seed ${seed}`).toBeGreaterThan(3.5);
      expect(spread(mean), `seed ${seed}`).toBeLessThan(2.5);
    }
  });

  it('follows a longer path at once and a shorter one in seconds', () => {
    const trip = new RoundTrip(TUNING);
    for (let step = 0; step < 20; step += 1) trip.add(40, LEAST_MS, STEP_MS);
    for (const ms of [46, 49, 51, 52]) {
      trip.add(ms, LEAST_MS, STEP_MS);
      expect(trip.ms).toBe(ms);
    }
    trip.add(40, LEAST_MS, STEP_MS);
    expect(trip.ms).toBeGreaterThan(50);
    for (let step = 0; step < 40; step += 1) trip.add(40, LEAST_MS, STEP_MS);
    expect(trip.ms).toBeCloseTo(40, 0);
  });
});
