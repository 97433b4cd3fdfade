import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { relayEntry } from '../test/directory-stage.ts';
import { candidates } from './candidates.ts';
import type { KnownRelay } from './types.ts';

function known(id: string, region: string, cpu: number, more: Partial<KnownRelay> = {}): KnownRelay {
  const load = { viewers: 0, rooms: 0, cpu, egressBps: 0 };
  return { ...relayEntry(id, region, { load }), loadFresh: true, ...more };
}
const named = (relays: readonly KnownRelay[], wish: Parameters<typeof candidates>[1]) =>
  candidates(relays, wish).map(({ id }) => id);

const anyRelay = fc.record({
  region: fc.constantFrom('jp', 'us', 'eu'),
  cpu: fc.double({ min: 0, max: 1, noNaN: true }),
  draining: fc.boolean(),
  loadFresh: fc.boolean(),
});

describe('candidates', () => {
  it('are of the own region first, least loaded first, fresh loads before old ones', () => {
    const relays = [
      known('jp-old', 'jp', 0, { loadFresh: false }),
      known('jp-busy', 'jp', 0.9),
      known('jp-idle', 'jp', 0.3),
      known('us-idle', 'us', 0),
      known('us-busy', 'us', 0.5),
      known('jp-leaving', 'jp', 0, { draining: true }),
    ];
    expect(named(relays, { region: 'jp' })).toEqual(['jp-idle', 'jp-busy', 'jp-old', 'us-idle', 'us-busy']);
    expect(named(relays, { region: 'jp', limit: 2 })).toEqual(['jp-idle', 'us-idle']);
    expect(named(relays, { region: 'jp', limit: 1 })).toEqual(['jp-idle']);
    expect(named(relays, { region: 'us', except: new Set(['us-idle']) })[0]).toBe('us-busy');
    expect(named(relays, {})[0]).toBe('us-idle');
  });

  it('count bytes as load before the processor does', () => {
    const full = known('full', 'jp', 0.05);
    full.load = { ...full.load, egressBps: 120_000_000 };
    expect(named([full, known('half', 'jp', 0.5)], { region: 'jp' })).toEqual(['half', 'full']);
  });

  it('are never draining, unknown, double or more than asked for, and another region is among them if it can be', () => {
    fc.assert(
      fc.property(
        fc.array(anyRelay, { maxLength: 30 }),
        fc.integer({ min: 1, max: 10 }),
        fc.nat(),
        (some, limit, seed) => {
          const relays = some.map(({ region, cpu, ...more }, n) => known(`r${n}`, region, cpu, more));
          const got = candidates(relays, { region: 'jp', limit, seed });
          const usable = relays.filter(({ draining }) => !draining);
          expect(got.length).toBe(Math.min(limit, usable.length));
          expect(new Set(got).size).toBe(got.length);
          for (const relay of got) expect(usable).toContain(relay);
          const near = usable.some(({ region }) => region === 'jp');
          if (near) expect(got[0]?.region).toBe('jp');
          if (limit >= 2 && usable.some(({ region }) => region === 'us' || region === 'eu')) {
            expect(got.some(({ region }) => region !== 'jp')).toBe(true);
          }
        },
      ),
    );
  });

  it('of equal load are spread by the seed', () => {
    const relays = Array.from({ length: 5 }, (_, n) => known(`r${n}`, 'jp', 0.2));
    const first = new Map<string, number>();
    for (let seed = 0; seed < 1000; seed++) {
      const id = named(relays, { region: 'jp', seed })[0]!;
      first.set(id, (first.get(id) ?? 0) + 1);
    }
    expect(first.size).toBe(5);
    for (const count of first.values()) expect(count).toBeGreaterThan(130);
  });

  it('of nearly equal load are named as often: a crowd of one second is not sent to the same few', () => {
    // The seven that are a little less loaded would be all that anybody hears of.
    const relays = Array.from({ length: 20 }, (_, n) => known(`r${n}`, 'jp', n < 7 ? 0.52 : 0.58));
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 1000; seed++) {
      for (const id of named(relays, { region: 'jp', seed, limit: 7 })) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect(counts.size).toBe(20);
    for (const count of counts.values()) expect(count).toBeGreaterThan(100);
  });

  it('of which one has far more room than the other come in that order, whoever asks', () => {
    const relays = [known('busy', 'jp', 0.9), known('half', 'jp', 0.5), known('old', 'jp', 0, { loadFresh: false })];
    for (let seed = 0; seed < 1000; seed++) {
      expect(named(relays, { region: 'jp', seed })).toEqual(['half', 'busy', 'old']);
    }
  });
});
