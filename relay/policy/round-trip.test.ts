import { describe, expect, it } from 'vitest';
import { random } from '../../codec/bench/random.ts';
import { RoundTrip } from './round-trip.ts';
import { TUNING } from './tuning.ts';
import { ViewerPolicy } from './viewer.ts';

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

describe('while round trips hold what the relay itself was late', () => {
  /** Voice packets a datagram after `rttMs` of a second, once all has settled at 10 ms. */
  const voiceAfter = (rttMs: number) => {
    const policy = new ViewerPolicy();
    const input = {
      room: { budgetMs: 100, uplinkMs: 40, frameMs: 20, livers: 1, earlier: () => 0 },
      conversing: false,
      busy: 0,
      repairAllowed: 'since_key',
      heard: () => 255,
    } as const;
    const path = { minRttMs: 9, packetsLost: 0, dropped: 0, queueBytes: 0 };
    policy.report({ marginMs: 2, asks: false }, 25_000);
    let voice = 0;
    for (let ms = 500; ms <= 31_000; ms += 500) {
      const now = { ...path, rttMs: ms <= 30_000 ? 10 : rttMs, packetsOut: ms / 20 };
      voice = policy.decide({ ...input, path: now }, ms).delivery.voice;
    }
    return voice;
  };

  it('they are not told, and nothing is sent more often', () => expect(voiceAfter(0)).toBe(3));

  it('control: told they would cost all viewers their bundles', () => expect(voiceAfter(80)).toBe(1));
});
