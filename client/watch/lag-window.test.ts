import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LagWindow } from './lag-window.ts';

const SIZE = 512;

describe('LagWindow', () => {
  it('knows the least, the late and the most of the last 512, whatever came', () => {
    const lag = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.double({ min: -50, max: 500, noNaN: true }));
    fc.assert(
      fc.property(
        fc.array(lag, { minLength: 1, maxLength: 1500 }),
        fc.constantFrom(1 / 200, 1 / 500, 0.1),
        (lags, missing) => {
          const window = new LagWindow(missing);
          lags.forEach((ms, n) => {
            window.add(ms);
            if (n % 97 !== 0 && n !== lags.length - 1) return;
            const last = lags.slice(Math.max(0, n + 1 - SIZE), n + 1).sort((a, b) => a - b);
            const late = last[Math.ceil(last.length * (1 - missing)) - 1];
            expect(window.quantiles).toEqual({ least: last[0], late, most: last.at(-1) });
          });
          expect(window.count).toBe(lags.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('waits beyond what is free for as many as are worth it, and for no single straggler', () => {
    const window = new LagWindow(1 / 200);
    for (let n = 0; n < SIZE; n += 1) window.add(n % 10 === 0 ? 100 : 20);
    window.add(400);
    const worth = { priceMs: 800, bearable: 0.015, least: 256 };
    expect(window.worthWaiting(60, worth)).toBe(100);
    expect(window.worthWaiting(120, worth)).toBe(120);
  });
});
