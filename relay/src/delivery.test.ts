import type { Session } from '@hayate/transport';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DeliveryClass, MediaRoom, MemberStats } from '../media/plane.ts';
import { RoomDelivery } from '../policy/room.ts';
import { Room } from '../room/room.ts';
import type { SessionKey } from '../room/types.ts';
import { identity } from '../test/identity.ts';
import { DeliveryLoop, type DeliveryTarget } from './delivery.ts';

let now = 0;
const loops: DeliveryLoop[] = [];
beforeEach(() => {
  vi.useFakeTimers();
  now = 0;
});
afterEach(() => {
  for (const loop of loops.splice(0)) loop.close();
  vi.useRealTimers();
});

/** A media room that is only paths; its sessions are their numbers. */
class FakeMedia {
  readonly classes = new Map<SessionKey, DeliveryClass[]>();
  asked = 0;
  rttMs = 10;
  closed = false;
  readonly #keys: SessionKey[];

  constructor(keys: SessionKey[]) {
    this.#keys = keys;
  }

  async memberStats(): Promise<MemberStats[]> {
    if (this.closed) throw new Error('the room is closed');
    this.asked += 1;
    return this.#keys.map((key) => ({
      session: key as unknown as Session,
      rttMs: this.rttMs,
      minRttMs: 9,
      packetsOut: now / 20,
      packetsLost: 0,
      datagramsOut: now / 20,
      dropped: 0,
      queueBytes: 0,
    }));
  }

  async stats(): Promise<Record<string, number>> {
    return { members: this.#keys.length, bytes_out: 4 * now, repair_bytes_out: now };
  }

  setClass(session: Session, delivery: DeliveryClass): void {
    const key = session as unknown as SessionKey;
    this.classes.set(key, [...(this.classes.get(key) ?? []), delivery]);
  }
}

const limits = { maxViewers: 10_000, lingerMs: 5000, emptyMs: 1000 };

function target(keys: SessionKey[]): DeliveryTarget & { fake: FakeMedia } {
  const room = new Room(limits, now);
  const delivery = new RoomDelivery(100, { viewerBytes: 6000, roomBytes: 1e6 });
  const fake = new FakeMedia(keys);
  for (const session of keys) {
    room.handle({ type: 'join', session, identity: identity(`s${session}`, ['viewer']) }, now);
    room.handle({ type: 'watch', session, id: 1 }, now);
    delivery.watching(session);
  }
  return { room, delivery, media: fake as unknown as MediaRoom, fake };
}

function loop(targets: DeliveryTarget[], share = 0.1) {
  const counts = { changes: 0, repairBytes: 0 };
  const out = new DeliveryLoop({
    targets: () => targets,
    keyOf: (session) => session as unknown as SessionKey,
    nowMs: () => now,
    load: async () => ({ cpuUs: now * 1000 * share, waitedUs: 0, dropped: 0 }),
    onChange: () => {
      counts.changes += 1;
    },
    onSpareMs: () => {},
    onRepairBytes: (bytes) => {
      counts.repairBytes += bytes;
    },
  });
  loops.push(out);
  return { loop: out, counts };
}

const uplink = { received: 80, lost: 0, duplicate: 0, lagP99Ms: 27, uncertaintyMs: 5 };
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);

async function run(subject: DeliveryLoop, targets: DeliveryTarget[], untilMs: number): Promise<number[]> {
  const decided: number[] = [];
  for (; now < untilMs; now += 50) {
    if (now % 1000 === 0) for (const { delivery } of targets) delivery.uplink(0, uplink, 20, now);
    decided.push(await subject.tick());
  }
  return decided;
}

describe('the delivery loop', () => {
  it('sends less often, to whoever it is, while the relay itself is busy', async () => {
    const only = target([1, 2]);
    const { loop: subject } = loop([only], 0.9);
    await run(subject, [only], 5_000);
    expect(subject.busy).toBe(true);
    expect(only.fake.classes.get(1)).toMatchObject([{ voice: 2 }]);
    await run(subject, [only], 15_000);
    expect(only.fake.classes.get(1)!.at(-1)).toMatchObject({ voice: 3, repair: 'none' });
  });

  it('holds back for who just came, then saves packets step by step, and says each step once', async () => {
    const only = target([1, 2]);
    const { loop: subject, counts } = loop([only]);
    await run(subject, [only], 9_900);
    expect(only.fake.classes.size).toBe(0);
    await run(subject, [only], 30_000);
    const told = only.fake.classes.get(1)!;
    expect(told[0]).toMatchObject({ voice: 3, holdMs: 3 });
    expect(told.at(-1)).toMatchObject({ voice: 3, holdMs: 66, repair: 'none' });
    const holds = told.map(({ holdMs }) => holdMs);
    expect(holds).toEqual([...new Set(holds)].sort((a, b) => a - b));
    expect(counts.changes).toBe(2 * holds.length);
    expect(counts.repairBytes).toBeGreaterThan(28_000);
  });

  it('answers who comments at once', async () => {
    const only = target([1, 2]);
    const { loop: subject } = loop([only]);
    await run(subject, [only], 20_000);
    only.room.handle({ type: 'active', session: 1 }, now);
    await run(subject, [only], 20_600);
    expect(only.fake.classes.get(1)!.at(-1)!.voice).toBe(1);
    expect(only.fake.classes.get(2)!.at(-1)!.voice).toBe(3);
    await run(subject, [only], 31_000);
    expect(only.fake.classes.get(1)!.at(-1)!.voice).toBe(3);
  });

  it('takes a bounded number a tick and comes to everybody by turns', async () => {
    const rooms = [target(range(0, 1000)), target(range(1000, 1010)), target(range(1010, 4000))];
    const { loop: subject } = loop(rooms);
    const decided = await run(subject, rooms, 2000);
    expect(Math.max(...decided)).toBeLessThanOrEqual(300);
    for (const { fake } of rooms) expect(fake.asked).toBeGreaterThanOrEqual(2);
    const sizes = rooms.map(({ delivery }) => {
      let n = 0;
      delivery.forEachDecision(() => {
        n += 1;
      });
      return n;
    });
    expect(sizes).toEqual([1000, 10, 2990]);
  });

  it('asks each room twice a second and no more', async () => {
    const rooms = [target([1]), target([2])];
    const { loop: subject } = loop(rooms);
    await run(subject, rooms, 10_000);
    expect(rooms.map(({ fake }) => fake.asked)).toEqual([20, 20]);
  });

  it('asks a room in which nothing stirs once a second, until something does', async () => {
    const [calm, talking] = [target([1]), target([2])];
    const rooms = [calm, talking];
    const { loop: subject } = loop(rooms);
    await run(subject, rooms, 40_000);
    const asked = async (untilMs: number) => {
      const before = rooms.map(({ fake }) => fake.asked);
      await run(subject, rooms, untilMs);
      return rooms.map(({ fake }, n) => fake.asked - before[n]!);
    };
    expect(await asked(50_000)).toEqual([10, 10]);
    talking.room.handle({ type: 'active', session: 2 }, now);
    expect(await asked(60_000)).toEqual([10, 20]);
    calm.fake.rttMs = 60;
    await asked(62_000);
    expect(await asked(70_000)).toEqual([16, 16]);
  });

  it('goes on when a room closes, or a session leaves, meanwhile', async () => {
    const rooms = [target([1]), target([2, 3])];
    const { loop: subject } = loop(rooms);
    rooms[0]!.fake.closed = true;
    rooms[1]!.delivery.unwatched(3);
    await run(subject, rooms, 2000);
    const decided = rooms.map(({ delivery }) => delivery.summary(9).viewers.map(({ session }) => session));
    expect(decided).toEqual([[], [2]]);
  });

  it('leaves rooms alone that nobody watches', async () => {
    const empty = target([]);
    const { loop: subject } = loop([empty]);
    await run(subject, [empty], 2000);
    expect(empty.fake.asked).toBe(0);
  });
});
