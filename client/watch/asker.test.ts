import { parseMissing, type ReceivedUnit } from '@hayate/codec/bundle';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GapAsker } from './asker.ts';

const ALIAS = 7;

function unit(kind: 0 | 1, sequence: number, captureMs: number, key = kind === 1): ReceivedUnit {
  const payload = new Uint8Array(0);
  return { slot: 2, generation: 5, kind, key, sequence, captureUs: captureMs * 1000, uncertaintyUs: 0, payload };
}

/** What a request names, as `kind:sequence`. */
function named(request: Uint8Array | undefined): string[] {
  if (!request) return [];
  const { alias, entries } = parseMissing(request);
  expect(alias).toBe(ALIAS);
  return entries.flatMap(({ kind, first, more, slot, generation }) => {
    expect([slot, generation]).toEqual([2, 5]);
    const after = [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => more & (1 << bit)).map((bit) => first + 1 + bit);
    return [first, ...after].map((sequence) => `${kind}:${sequence >>> 0}`);
  });
}

/** Voice in datagrams of `n` packets that take 10 ms, from the packet 0; gives when each is there. */
function listen(asker: GapAsker, datagrams: number, n = 1): number {
  let atMs = 0;
  for (let i = 0; i < datagrams; i += 1) {
    const units = Array.from({ length: n }, (_, k) => unit(1, i * n + k, (i * n + k) * 20));
    atMs = (i + 1) * n * 20 + 10;
    expect(asker.arrived(units, atMs)).toBeUndefined();
  }
  return atMs;
}

describe('gap asker', () => {
  it('asks at once for what lies between, once more after the round trip, and then no more', () => {
    const asker = new GapAsker(ALIAS);
    asker.setRtt(10);
    const atMs = listen(asker, 5);
    expect(named(asker.arrived([unit(1, 8, 160)], atMs + 80))).toEqual(['1:5', '1:6', '1:7']);
    // One of them comes.
    expect(asker.arrived([unit(1, 6, 120)], atMs + 85)).toBeUndefined();
    expect(asker.nextMs).toBe(atMs + 96);
    expect(asker.due(atMs + 95)).toBeUndefined();
    expect(named(asker.due(atMs + 96))).toEqual(['1:5', '1:7']);
    expect(asker.nextMs).toBe(Number.POSITIVE_INFINITY);
    expect(asker.due(atMs + 150)).toBeUndefined();
  });

  it('asks for a datagram that does not come when it should', () => {
    const asker = new GapAsker(ALIAS);
    asker.setRtt(10);
    const atMs = listen(asker, 20, 3);
    // The next one should be there 60 ms later.
    expect(asker.nextMs).toBe(atMs + 62);
    expect(asker.due(atMs + 61)).toBeUndefined();
    expect(named(asker.due(atMs + 62))).toEqual(['1:60', '1:61', '1:62']);
    // What follows tells nothing new of it.
    expect(
      named(
        asker.arrived(
          [63, 64, 65].map((n) => unit(1, n, n * 20)),
          atMs + 65,
        ),
      ),
    ).toEqual([]);
    expect(named(asker.due(atMs + 78))).toEqual(['1:60', '1:61', '1:62']);
  });

  it('takes no answer for the pace of the stream', () => {
    const asker = new GapAsker(ALIAS);
    asker.setRtt(10);
    let n = 20;
    let atMs = listen(asker, n);
    for (let lost = 0; lost < 30; lost += 1) {
      expect(asker.nextMs).toBe(atMs + 22);
      expect(named(asker.due(atMs + 22))).toEqual([`1:${n}`]);
      asker.arrived([unit(1, n, n * 20)], atMs + 34);
      for (n += 1, atMs += 40; n % 7 !== 0; n += 1, atMs += 20) asker.arrived([unit(1, n, n * 20)], atMs);
      atMs -= 20;
    }
  });

  it('control: nothing is asked of a stream that is whole, with jitter and over the wrap of the sequence', () => {
    const asker = new GapAsker(ALIAS);
    for (let i = 0; i < 3000; i += 1) {
      const lagMs = 10 + ((i * 7) % 5);
      const atMs = i * 20 + lagMs;
      while (asker.nextMs < atMs) expect(asker.due(asker.nextMs)).toBeUndefined();
      expect(asker.arrived([unit(1, (0xffff_f000 + i) >>> 0, i * 20 - 20)], atMs)).toBeUndefined();
    }
    expect(asker.asked).toBe(0);
  });

  it('asks for motion until a newer key came, and not over an outage', () => {
    const asker = new GapAsker(ALIAS);
    asker.arrived([unit(0, 0, 0, true)], 10);
    expect(named(asker.arrived([unit(0, 2, 66)], 76))).toEqual(['0:1']);
    expect(named(asker.arrived([unit(0, 4, 133), unit(0, 5, 166, true)], 176))).toEqual([]);
    expect(asker.nextMs).toBe(Number.POSITIVE_INFINITY);
    expect(named(asker.arrived([unit(0, 100, 3300)], 3310))).toEqual([]);
    // Another generation counts anew.
    expect(asker.arrived([{ ...unit(0, 900, 3400), generation: 6 }], 3410)).toBeUndefined();
  });

  it('is bounded in what it sends and keeps, whatever comes', () => {
    const any = fc.record({
      slot: fc.integer({ min: 0, max: 7 }),
      kind: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
      generation: fc.integer({ min: 0, max: 3 }),
      sequence: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 0xffff_ffff })),
      key: fc.boolean(),
      captureUs: fc.integer({ min: 0, max: 2_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(any, { maxLength: 6 }), fc.integer({ min: 0, max: 30 }))), (steps) => {
        const asker = new GapAsker(ALIAS);
        let [nowMs, sent] = [0, 0];
        for (const [units, passMs] of steps) {
          const received = units.map((one) => ({ ...one, uncertaintyUs: 0, payload: new Uint8Array(0) }));
          const first = asker.arrived(received, nowMs);
          nowMs += passMs;
          for (const request of [first, asker.due(nowMs)]) {
            if (!request) continue;
            sent += 1;
            expect(parseMissing(request).entries.length).toBeLessThanOrEqual(16);
          }
        }
        expect(sent).toBeLessThanOrEqual(8 + (40 * nowMs) / 1000 + 1);
      }),
    );
  });
});
