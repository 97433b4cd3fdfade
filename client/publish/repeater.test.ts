import { type TimedUnit, UNIT_KIND, UnitSender } from '@hayate/codec/bundle';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Repeater } from './repeater.ts';

function source() {
  const sender = new UnitSender();
  return {
    motion: (atMs: number, key = false) => sender.unit(UNIT_KIND.motion, new Uint8Array(6), atMs * 1000, key),
    voice: (atMs: number, bytes = 60) => sender.unit(UNIT_KIND.voice, new Uint8Array(bytes), atMs * 1000),
  };
}

const names = (units: readonly TimedUnit[]) =>
  units.map(({ kind, sequence }) => `${kind === UNIT_KIND.voice ? 'v' : 'm'}${sequence}`);

/** Sends as a publisher does; gives what rode along. */
function send(repeater: Repeater, nowMs: number, units: TimedUnit[]): string[] {
  const riding = names(repeater.ride(units, nowMs));
  repeater.left(units, nowMs);
  return riding;
}

describe('repeater', () => {
  it('repeats nothing unless asked', () => {
    const { voice } = source();
    const repeater = new Repeater();
    for (let at = 0; at < 200; at += 20) expect(send(repeater, at, [voice(at)])).toEqual([]);
    expect(repeater.aloneAtMs).toBeUndefined();
    expect([repeater.units, repeater.bytes]).toEqual([0, 0]);
  });

  it('repeats each unit once, in the first datagram after the spacing', () => {
    const { voice, motion } = source();
    const repeater = new Repeater();
    repeater.ask('repeat', 30);
    const rode = [0, 20, 40, 60, 80].map((at) => send(repeater, at, [motion(at, at === 0), voice(at)]));
    expect(rode).toEqual([[], [], ['m0', 'v0'], ['m1', 'v1'], ['m2', 'v2']]);
    expect(repeater.units).toBe(6);
    repeater.ask('none', 0);
    expect(send(repeater, 200, [voice(200)])).toEqual([]);
  });

  it('repeats all motion since the key in each datagram, voice once', () => {
    const { voice, motion } = source();
    const repeater = new Repeater();
    repeater.ask('since_key', 10);
    const rode = [0, 20, 40, 60, 80].map((at) => send(repeater, at, [motion(at, at % 60 === 0), voice(at)]));
    expect(rode).toEqual([[], ['m0', 'v0'], ['m0', 'm1', 'v1'], ['m0', 'm1', 'm2', 'v2'], ['m3', 'v3']]);
  });

  it('sends repeats alone when nothing else leaves, and no stale ones', () => {
    const { voice } = source();
    const repeater = new Repeater();
    repeater.ask('repeat', 10);
    send(repeater, 0, [voice(0)]);
    expect(repeater.aloneAtMs).toBe(30);
    expect(send(repeater, 30, [])).toEqual(['v0']);
    expect(repeater.aloneAtMs).toBeUndefined();
    send(repeater, 100, [voice(100)]);
    expect(send(repeater, 301, [])).toEqual([]);
    expect(repeater.stale).toBe(1);
  });

  it('never fills a datagram over its limit, never rides with the original, never owes for ever', () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 60 }),
      voiceBytes: fc.integer({ min: 0, max: 900 }),
      key: fc.boolean(),
      kind: fc.constantFrom('repeat' as const, 'since_key' as const),
      spacingMs: fc.integer({ min: 0, max: 80 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { voice, motion } = source();
        const repeater = new Repeater();
        let nowMs = 0;
        for (const { waitMs, voiceBytes, key, kind, spacingMs } of steps) {
          nowMs += waitMs;
          repeater.ask(kind, spacingMs);
          const units = [motion(nowMs, key), voice(nowMs, voiceBytes)];
          const riding = repeater.ride(units, nowMs);
          repeater.left(units, nowMs);
          if (riding.length > 0) {
            const bytes = [...riding, ...units].reduce((sum, { payload }) => sum + payload.length + 4, 12);
            expect(bytes).toBeLessThanOrEqual(990);
          }
          expect(new Set([...riding, ...units]).size).toBe(riding.length + units.length);
          for (const unit of riding) expect(nowMs - unit.captureUs / 1000).toBeLessThanOrEqual(300);
        }
        for (let turns = 0; turns < 200 && repeater.aloneAtMs !== undefined; turns++) {
          nowMs = Math.max(nowMs, repeater.aloneAtMs);
          repeater.ride([], nowMs);
          nowMs += 1;
        }
        expect(repeater.aloneAtMs).toBeUndefined();
      }),
    );
  });
});
