import { describe, expect, it } from 'vitest';
import type { DeliveryClass } from '../media/plane.ts';
import { RoomDelivery } from './room.ts';

const FRAME_MS = 20;
const NEAR = 0;
const FAR = 3;

/** A room with livers in slots 0 and 3, by how late each arrives, and a viewer 5 ms away. */
function room() {
  const delivery = new RoomDelivery(100, { viewerBytes: 12_000, roomBytes: 60_000 });
  delivery.watching(1);
  let nowMs = 0;
  let decided: Readonly<DeliveryClass> | undefined;
  const changes: Readonly<DeliveryClass>[] = [];
  const pass = (seconds: number, lags: readonly [near: number, far?: number], conversing = false) => {
    for (const endMs = nowMs + 1000 * seconds; nowMs < endMs; nowMs += 500) {
      for (const [n, lagP99Ms] of lags.entries()) {
        if (lagP99Ms === undefined || nowMs % 1000 !== 0) continue;
        const counts = { received: (nowMs / 1000) * 50, lost: 0, duplicate: 0, lagP99Ms, uncertaintyMs: 1 };
        delivery.elsewhere(n === 0 ? NEAR : FAR, counts, FRAME_MS, nowMs);
      }
      const path = { rttMs: 10, minRttMs: 9, packetsOut: nowMs / 20, packetsLost: 0, dropped: 0, queueBytes: 0 };
      const { decision, changed } = delivery.decide(1, path, { conversing, busy: false }, nowMs)!;
      decided = decision.delivery;
      if (changed) changes.push(decided);
    }
    return decided;
  };
  return { pass, changes };
}

describe('a viewer of a near and a far liver', () => {
  it('gets the near one along with the far one, more and more of it', () => {
    const { pass, changes } = room();
    expect(pass(30, [20, 80])).toMatchObject({ voice: 1, patient: 1 << NEAR, holdMs: 26 });
    expect(changes.map(({ holdMs }) => holdMs)).toEqual([3, 6, 9, 12, 15, 18, 26]);
  });

  it('gets both at once while it is in conversation, and of a near one that has no time left', () => {
    const { pass } = room();
    pass(30, [20, 80]);
    expect(pass(1, [20, 80], true)).toMatchObject({ voice: 1, patient: 0, holdMs: 0 });
    expect(pass(30, [20, 80])).toMatchObject({ patient: 1 << NEAR });
    expect(pass(10, [60, 80])).toMatchObject({ voice: 1, patient: 0, holdMs: 0 });
  });

  it('gets datagrams of several voice packets where both are near (control)', () => {
    const { pass } = room();
    expect(pass(30, [20, 25])).toMatchObject({ voice: 3, patient: 0 });
  });

  it('waits for nobody where there is one liver, or two that are far (control)', () => {
    expect(room().pass(30, [80])).toMatchObject({ voice: 1, patient: 0, holdMs: 0 });
    expect(room().pass(30, [80, 85])).toMatchObject({ voice: 1, patient: 0, holdMs: 0 });
  });

  it('is not swung by a near one that is late now and then', () => {
    const { pass, changes } = room();
    for (let n = 0; n < 30; n += 1) {
      pass(8, [20, 80]);
      pass(6, [60, 80]);
    }
    const on = changes.filter(({ patient }, n) => patient !== 0 && (changes[n - 1]?.patient ?? 0) === 0).length;
    expect(on).toBeLessThan(10);
  });
});
