import { describe, expect, it } from 'vitest';
import { ALL_SLOTS, Livers } from './livers.ts';
import { RoomDelivery } from './room.ts';

const FRAME_MS = 20;
const SPEAKS = 50;
const SILENT = 3;

function livers(packets: Record<number, number | undefined>, nowMs = 0, into = new Livers()): Livers {
  for (const [slot, count] of Object.entries(packets)) into.report(Number(slot), count, FRAME_MS, nowMs);
  return into;
}

const slotsOf = (mask: number) => [0, 1, 2, 3, 4, 5, 6, 7].filter((slot) => mask & (1 << slot));

describe('livers that are heard', () => {
  it('are all where all fit', () => {
    expect(livers({ 0: SPEAKS, 1: SILENT }).heard(2, 0)).toBe(ALL_SLOTS);
  });

  it('are the lowest slots of those who speak at once', () => {
    const all = livers({ 0: SPEAKS, 1: SPEAKS, 2: SPEAKS, 3: SPEAKS });
    expect(slotsOf(all.heard(2, 0) & 0b1111)).toEqual([0, 1]);
  });

  it('are those who speak, whatever their slot', () => {
    const some = livers({ 0: SILENT, 1: SPEAKS, 2: SILENT, 3: SPEAKS });
    expect(slotsOf(some.heard(2, 0) & 0b1111)).toEqual([1, 3]);
    expect(slotsOf(livers({ 5: undefined, 0: SILENT }).heard(1, 0) & 0b100001)).toEqual([5]);
  });

  it('keep their place in a pause, and lose it to who speaks after it', () => {
    const two = livers({ 0: SPEAKS, 1: SPEAKS }, 0);
    livers({ 0: SILENT, 1: SPEAKS }, 2000, two);
    expect(slotsOf(two.heard(1, 2000) & 0b11)).toEqual([0]);
    livers({ 0: SILENT, 1: SPEAKS }, 3000, two);
    expect(slotsOf(two.heard(1, 3000) & 0b11)).toEqual([1]);
    livers({ 0: SPEAKS, 1: SPEAKS }, 4000, two);
    expect(slotsOf(two.heard(1, 4000) & 0b11)).toEqual([0]);
  });

  it('are no more than are left, and who comes is not held back before it is known', () => {
    const three = livers({ 0: SPEAKS, 1: SPEAKS, 2: SPEAKS });
    expect(slotsOf(three.heard(1, 0))).toEqual([0, 3, 4, 5, 6, 7]);
    three.gone(0);
    expect(slotsOf(three.heard(1, 0) & 0b111)).toEqual([0, 1]);
    expect(three.count).toBe(2);
  });
});

describe('a viewer whose path carries not all voices', () => {
  const counts = (seconds: number, packets: number) => ({
    received: seconds * packets,
    lost: 0,
    duplicate: 0,
    voice: { received: seconds * packets, duplicate: 0 },
    lagP99Ms: 10,
    uncertaintyMs: 1,
  });

  /** Slots 0 and 2 are silent. Gives the slots that the viewer hears at each step of half a second. */
  function heard(livers: number, dropsUntilMs: number, untilMs: number): number[][] {
    const room = new RoomDelivery(100, { viewerBytes: 12_000, roomBytes: 60_000 });
    room.watching(1);
    const steps: number[][] = [];
    for (let nowMs = 0; nowMs < untilMs; nowMs += 500) {
      for (let slot = 0; nowMs % 1000 === 0 && slot < livers; slot++) {
        room.uplink(slot, counts(nowMs / 1000, slot === 0 || slot === 2 ? SILENT : SPEAKS), FRAME_MS, nowMs);
      }
      const dropped = 10 * (Math.min(nowMs, dropsUntilMs) / 500);
      const path = { rttMs: 40, minRttMs: 38, packetsOut: nowMs / 25, packetsLost: 0, dropped, queueBytes: 0 };
      const result = room.decide(1, path, { conversing: false, busy: 0 }, nowMs);
      steps.push(slotsOf(result!.decision.delivery.slots).filter((slot) => slot < livers));
    }
    return steps;
  }

  it('hears half of them, a quarter, one, of those who speak; and all again after some time of quiet', () => {
    const steps = heard(8, 15_000, 90_000);
    const different = steps.filter((slots, n) => n === 0 || slots.join() !== steps[n - 1]!.join());
    const all = [0, 1, 2, 3, 4, 5, 6, 7];
    expect(different).toEqual([all, [1, 3, 4, 5], [1, 3], [1], [1, 3], [1, 3, 4, 5], all]);
  });

  it('hears the only one, whatever is dropped', () => {
    expect(heard(1, 60_000, 60_000).every((slots) => slots.join() === '0')).toBe(true);
  });
});
