import { describe, expect, it } from 'vitest';
import { listen } from '../test/voice-hour.ts';

describe('an hour of voice', () => {
  for (const [micPpm, cardPpm] of [
    [200, -200],
    [-200, 200],
  ] as const) {
    it(`has no more than 0.1 % of gaps with the microphone at ${micPpm} and the card at ${cardPpm} ppm`, () => {
      const heard = listen({ seconds: 3600, micPpm, cardPpm, oneWayMs: 20, jitterMs: 10 });
      expect(heard.gapRatio).toBeLessThan(0.001);
      expect(heard.missed).toBeLessThan(0.001);
      expect(heard.counts.late / heard.counts.played).toBeLessThan(0.001);
      expect(heard.counts.jumps).toBe(0);
      // Never far from where it should be, whatever adds up to 1.4 s over the hour.
      expect(heard.offMs).toBeLessThan(12);
      expect(Math.abs(heard.drift * 1e6 - micPpm)).toBeLessThan(60);
    });
  }

  it('control: a player that does not follow the microphone loses the voice', () => {
    const heard = listen({ seconds: 900, micPpm: -200, cardPpm: 0, oneWayMs: 20, jitterMs: 10, follow: false });
    expect(heard.gapRatio).toBeGreaterThan(0.01);
  });

  it('control: without the reserve for its block the card starves now and then', () => {
    const heard = listen({ seconds: 900, micPpm: 200, cardPpm: -200, oneWayMs: 20, jitterMs: 10, reserveMs: 0 });
    expect(heard.gapRatio).toBeGreaterThan(0.001);
  });
});
