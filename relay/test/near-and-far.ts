import type { DeliveryClass } from '../media/plane.ts';
import { RoomDelivery } from '../policy/room.ts';
import { TUNING, type Tuning } from '../policy/tuning.ts';

const FRAME_MS = 20;
export const NEAR = 0;
const FAR = 3;

/** A room with livers in slots 0 and 3, by how late each arrives, and a viewer 5 ms away. */
export function nearAndFar(tuning: Tuning = TUNING) {
  const delivery = new RoomDelivery(100, { viewerBytes: 12_000, roomBytes: 60_000 }, tuning);
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
      const { decision, changed } = delivery.decide(1, path, { conversing, busy: 0 }, nowMs)!;
      decided = decision.delivery;
      if (changed) changes.push(decided);
    }
    return decided;
  };
  return { delivery, pass, changes };
}
