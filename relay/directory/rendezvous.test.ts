import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { relayEntry } from '../test/directory-stage.ts';
import { parentOf } from './rendezvous.ts';

const relaysOf = (count: number, region = 'jp') =>
  Array.from({ length: count }, (_, n) => relayEntry(`${region}-${n}`, region));
const rooms = Array.from({ length: 4000 }, (_, n) => `room-${n}`);
const ids = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,20}$/), { minLength: 1, maxLength: 12 });

describe('parentOf', () => {
  it('is the same whatever the order of the relays, and one of those that may be it', () => {
    fc.assert(
      fc.property(ids, fc.string(), fc.nat(), (names, room, turn) => {
        const relays = names.map((id, n) => relayEntry(id, n % 3 ? 'jp' : 'us', { draining: n % 4 === 1 }));
        const turned = [...relays.slice(turn % relays.length), ...relays.slice(0, turn % relays.length)];
        const parent = parentOf(relays, 'jp', room);
        expect(parentOf(turned, 'jp', room)).toBe(parent);
        const able = relays.filter(({ region, draining }) => region === 'jp' && !draining);
        if (able.length === 0) expect(parent).toBeUndefined();
        else expect(able).toContain(parent);
      }),
    );
  });

  it('moves only the rooms of a relay that goes, and only to one that comes', () => {
    fc.assert(
      fc.property(ids, fc.array(fc.string(), { maxLength: 30 }), fc.nat(), (names, some, pick) => {
        const relays = names.map((id) => relayEntry(id, 'jp'));
        const gone = relays[pick % relays.length]!;
        const rest = relays.filter((relay) => relay !== gone);
        for (const room of some) {
          const all = parentOf(relays, 'jp', room);
          const without = parentOf(rest, 'jp', room);
          if (all !== gone) expect(without).toBe(all);
          // Whether it drains, is out of reach, or is not there: the same next one.
          expect(parentOf(relays, 'jp', room, new Set([gone.id]))).toBe(without);
        }
      }),
    );
  });

  it.each([2, 3, 8, 50])('spreads rooms evenly over %i relays', (count) => {
    const relays = relaysOf(count);
    const share = new Map<string, number>();
    for (const room of rooms) {
      const { id } = parentOf(relays, 'jp', room)!;
      share.set(id, (share.get(id) ?? 0) + 1);
    }
    expect(share.size).toBe(count);
    // Of a binomial: the mean and five deviations, which one of 63 relays passes once in 30 000 hashes.
    const mean = rooms.length / count;
    const most = 5 * Math.sqrt(mean * (1 - 1 / count));
    for (const rooms of share.values()) expect(Math.abs(rooms - mean)).toBeLessThan(most);
  });

  it('spreads the rooms of one that goes over all others', () => {
    const relays = relaysOf(8);
    const heirs = new Map<string, number>();
    for (const room of rooms) {
      if (parentOf(relays, 'jp', room) !== relays[0]) continue;
      const { id } = parentOf(relays.slice(1), 'jp', room)!;
      heirs.set(id, (heirs.get(id) ?? 0) + 1);
    }
    expect(heirs.size).toBe(7);
    for (const rooms of heirs.values()) expect(rooms).toBeGreaterThan(30);
  });
});
