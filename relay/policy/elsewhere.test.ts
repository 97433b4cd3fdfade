import { expect, it } from 'vitest';
import { RoomDelivery } from './room.ts';

const FRAME_MS = 20;

/** What a viewer 5 ms away is given after half a minute of a liver at another relay, heard `lagMs` after its capture. */
function delivered(lagMs: number | undefined) {
  const room = new RoomDelivery(100, { viewerBytes: 12_000, roomBytes: 60_000 });
  room.watching(1);
  let delivery = { voice: 0, holdMs: 0 };
  for (let nowMs = 0; nowMs < 30_000; nowMs += 500) {
    if (lagMs !== undefined && nowMs % 1000 === 0) {
      const received = (nowMs / 1000) * 50;
      const counts = { received, lost: 0, duplicate: 0, lagP99Ms: lagMs, uncertaintyMs: 1 };
      room.elsewhere(0, counts, FRAME_MS, nowMs);
    }
    const path = { rttMs: 10, minRttMs: 9, packetsOut: nowMs / 20, packetsLost: 0, dropped: 0, queueBytes: 0 };
    delivery = room.decide(1, path, { conversing: false, busy: 0 }, nowMs)!.decision.delivery;
  }
  return delivery;
}

it('holds nothing for a viewer of a liver whose media comes over an ocean', () => {
  expect(delivered(85)).toMatchObject({ voice: 1, holdMs: 0 });
});

it('holds where the liver is near (control)', () => {
  expect(delivered(10).voice).toBeGreaterThan(1);
});

it('asks nothing of a liver that is not its own', () => {
  const room = new RoomDelivery(100, { viewerBytes: 12_000, roomBytes: 60_000 });
  room.elsewhere(3, { received: 50, lost: 5, duplicate: 0, lagP99Ms: 85, uncertaintyMs: 1 }, FRAME_MS, 0);
  expect(room.summary(1).uplinks).toMatchObject([{ slot: 3, lagP99Ms: 85, ask: undefined }]);
});
