import { beforeEach, describe, expect, it } from 'vitest';
import { identity } from '../test/identity.ts';
import type { Role } from '../token/token.ts';
import { Room } from './room.ts';
import type { RoomAction, RoomEvent } from './types.ts';

const limits = { maxViewers: 3, lingerMs: 5000, emptyMs: 30_000 };
let room: Room;
let now = 0;

function send(event: RoomEvent): RoomAction[] {
  return room.handle(event, now);
}

function join(session: number, sub = `s${session}`, roles: Role[] = ['liver', 'viewer']): RoomAction[] {
  return send({ type: 'join', session, identity: identity(sub, roles) });
}

/** Publishes and syncs; returns slot and generation. */
function live(session: number): { slot: number; gen: number } {
  const action = send({ type: 'publish', session, id: 1 }).find((a) => a.do === 'mediaPublish');
  if (!action) throw new Error('no mediaPublish');
  const { slot, gen } = action;
  send({ type: 'synced', session, slot, gen });
  return { slot, gen };
}

beforeEach(() => {
  now = 1000;
  room = new Room(limits, now);
});

describe('conversation', () => {
  it('is with who came, commented or gave in the last 10 s', () => {
    join(1);
    expect(room.conversing(1, now)).toBe(false);
    send({ type: 'watch', session: 1, id: 1 });
    now += 9999;
    expect(room.conversing(1, now)).toBe(true);
    now += 1;
    expect(room.conversing(1, now)).toBe(false);
    send({ type: 'watch', session: 1, id: 2 });
    expect(room.conversing(1, now)).toBe(false);
    send({ type: 'active', session: 1 });
    expect(room.conversing(1, now + 9999)).toBe(true);
    now += 10_000;
    expect(room.conversing(1, now)).toBe(false);
    send({ type: 'active', session: 1 });
    expect(room.conversing(1, now + 9999)).toBe(true);
    send({ type: 'active', session: 2 });
    expect(room.conversing(2, now)).toBe(false);
  });

  it('is with every liver of a shared room, as long as it is shared', () => {
    join(1);
    join(2);
    live(1);
    send({ type: 'watch', session: 1, id: 2 });
    now += 60_000;
    expect(room.conversing(1, now)).toBe(false);
    live(2);
    expect([room.conversing(1, now), room.conversing(2, now)]).toEqual([true, true]);
    send({ type: 'unpublish', session: 2, id: 3 });
    expect([room.conversing(1, now), room.conversing(2, now)]).toEqual([false, false]);
  });
});

describe('livers', () => {
  it('answers publish only once the clock is synced, and then tells the room', () => {
    join(1);
    expect(send({ type: 'publish', session: 1, id: 7 })).toEqual([{ do: 'mediaPublish', session: 1, slot: 0, gen: 1 }]);
    expect(room.livers()).toEqual([]);
    expect(send({ type: 'synced', session: 1, slot: 0, gen: 1 })).toEqual([
      { do: 'publishing', session: 1, id: 7, slot: 0, gen: 1 },
      { do: 'liver', liver: { slot: 0, gen: 1, sub: 's1' } },
    ]);
    expect(join(2)).toMatchObject([{ do: 'welcome', session: 2, livers: [{ slot: 0, gen: 1, sub: 's1' }] }]);
  });

  it('answers the newest publish of a session that asked again while it waited', () => {
    join(1);
    send({ type: 'publish', session: 1, id: 7 });
    expect(send({ type: 'publish', session: 1, id: 8 })).toEqual([]);
    expect(send({ type: 'synced', session: 1, slot: 0, gen: 1 })).toMatchObject([
      { do: 'publishing', session: 1, id: 8, slot: 0, gen: 1 },
      { do: 'liver' },
    ]);
  });

  it('asks the origin for a slot once, however often the session asks', () => {
    send({ type: 'authority', here: false });
    join(1);
    expect(send({ type: 'publish', session: 1, id: 7 })).toMatchObject([{ do: 'askSlot', session: 1 }]);
    expect(send({ type: 'publish', session: 1, id: 8 })).toEqual([]);
    expect(send({ type: 'granted', session: 1, slot: 3, gen: 5 })).toEqual([
      { do: 'mediaPublish', session: 1, slot: 3, gen: 5 },
    ]);
    expect(send({ type: 'synced', session: 1, slot: 3, gen: 5 })).toMatchObject([
      { do: 'publishing', session: 1, id: 8, slot: 3, gen: 5 },
      { do: 'liver' },
    ]);
  });

  it('knows which livers are elsewhere: neither its own nor one that lingers', () => {
    join(1);
    live(1);
    const voice = { codec: 'opus', sampleRate: 48_000, channels: 1, frameMs: 20 } as const;
    send({ type: 'remoteLiver', liver: { slot: 4, gen: 1, sub: 'far', voice } });
    expect([...room.elsewhere()]).toEqual([{ slot: 4, frameMs: 20 }]);
    send({ type: 'leave', session: 1, clean: false });
    expect([...room.elsewhere()]).toEqual([{ slot: 4, frameMs: 20 }]);
    send({ type: 'remoteLeft', slot: 4, gen: 1, gone: false });
    expect([...room.elsewhere()]).toEqual([]);
  });

  it('takes the lowest free slot and refuses the ninth liver', () => {
    room = new Room({ ...limits, maxViewers: 20 }, now);
    for (let s = 0; s < 8; s++) {
      join(s);
      expect(live(s)).toEqual({ slot: s, gen: 1 });
    }
    join(8);
    expect(send({ type: 'publish', session: 8, id: 1 })).toMatchObject([{ do: 'refuse', code: 'room_full' }]);
    send({ type: 'unpublish', session: 3, id: 2 });
    expect(live(8)).toEqual({ slot: 3, gen: 2 });
  });

  it('frees the slot at once on a clean leave', () => {
    join(1);
    live(1);
    expect(send({ type: 'leave', session: 1, clean: true })).toEqual([
      { do: 'mediaUnpublish', slot: 0 },
      { do: 'left', slot: 0, gen: 1 },
      { do: 'gone', sub: 's1' },
    ]);
    expect(room.livers()).toEqual([]);
  });

  it('keeps an abruptly lost liver announced for the linger', () => {
    join(1);
    join(2);
    live(1);
    expect(send({ type: 'leave', session: 1, clean: false })).toEqual([{ do: 'mediaUnpublish', slot: 0 }]);
    now += limits.lingerMs - 1;
    expect(send({ type: 'tick' })).toEqual([]);
    expect(room.livers()).toHaveLength(1);
    expect(live(2).slot).toBe(1);
    now += 1;
    expect(send({ type: 'tick' })).toEqual([
      { do: 'gone', sub: 's1' },
      { do: 'left', slot: 0, gen: 1 },
    ]);
  });

  it('gives a returning sub its old slot with a new generation', () => {
    join(1, 'ann');
    join(2, 'bob');
    live(1);
    live(2);
    send({ type: 'leave', session: 1, clean: false });
    now += 2000;
    join(3, 'ann');
    expect(live(3)).toEqual({ slot: 0, gen: 2 });
    now += 60_000;
    expect(send({ type: 'tick' })).toEqual([]);
  });

  it('lets a newer session of the same sub replace the old one', () => {
    join(1, 'ann');
    live(1);
    join(2, 'ann');
    expect(send({ type: 'publish', session: 2, id: 5 })).toMatchObject([
      { do: 'mediaUnpublish', slot: 0 },
      { do: 'closeSession', session: 1, code: 'closed' },
      { do: 'mediaPublish', session: 2, slot: 0, gen: 2 },
    ]);
    // The old session's end must not touch the slot that it lost.
    expect(send({ type: 'leave', session: 1, clean: true })).toEqual([]);
    expect(send({ type: 'synced', session: 2, slot: 0, gen: 2 })).toHaveLength(2);
  });

  it('ignores a sync that comes too late', () => {
    join(1);
    send({ type: 'publish', session: 1, id: 1 });
    send({ type: 'unpublish', session: 1, id: 2 });
    expect(send({ type: 'synced', session: 1, slot: 0, gen: 1 })).toEqual([]);
    expect(send({ type: 'unsynced', session: 1, slot: 0, gen: 1 })).toEqual([]);
  });

  it('keeps showing a returning liver as before until the new session is synced', () => {
    join(1, 'ann');
    live(1);
    send({ type: 'leave', session: 1, clean: false });
    join(2, 'ann');
    send({ type: 'publish', session: 2, id: 1 });
    expect(room.livers()).toEqual([{ slot: 0, gen: 1, sub: 'ann' }]);
    expect([...room.publishers()]).toEqual([]);
    expect(send({ type: 'unsynced', session: 2, slot: 0, gen: 2 })).toMatchObject([
      { do: 'mediaUnpublish', slot: 0 },
      { do: 'refuse', session: 2, code: 'internal' },
      { do: 'left', slot: 0, gen: 1 },
    ]);
    expect(live(2)).toEqual({ slot: 0, gen: 3 });
  });

  it('takes the slot from a publisher that answers no probes', () => {
    join(1);
    send({ type: 'publish', session: 1, id: 4 });
    now += 9_999;
    expect(send({ type: 'tick' })).toEqual([]);
    now += 1;
    expect(send({ type: 'tick' })).toMatchObject([
      { do: 'mediaUnpublish', slot: 0 },
      { do: 'refuse', session: 1, id: 4 },
    ]);
    expect(send({ type: 'synced', session: 1, slot: 0, gen: 1 })).toEqual([]);
  });

  it('changes configs by a second publish without a new generation', () => {
    join(1);
    live(1);
    const voice = { codec: 'opus', sampleRate: 48000, channels: 1, frameMs: 20 } as const;
    expect(send({ type: 'publish', session: 1, id: 9, voice })).toEqual([
      { do: 'publishing', session: 1, id: 9, slot: 0, gen: 1 },
      { do: 'liver', liver: { slot: 0, gen: 1, sub: 's1', voice } },
    ]);
    expect(send({ type: 'publish', session: 1, id: 10, info: 'scene 2' })).toMatchObject([
      { do: 'publishing', id: 10 },
      { do: 'liver', liver: { slot: 0, gen: 1, info: 'scene 2' } },
    ]);
  });

  it('refuses publish without the role', () => {
    join(1, 'v', ['viewer']);
    expect(send({ type: 'publish', session: 1, id: 3 })).toMatchObject([
      { do: 'refuse', id: 3, code: 'not_permitted' },
    ]);
  });
});

describe('viewers', () => {
  it('counts them and refuses one too many', () => {
    for (let s = 1; s <= 4; s++) join(s);
    for (let s = 1; s <= 3; s++) {
      expect(send({ type: 'watch', session: s, id: 1 })).toMatchObject([
        { do: 'done' },
        { do: 'mediaJoin', session: s },
      ]);
    }
    expect(send({ type: 'watch', session: 4, id: 1 })).toMatchObject([{ do: 'refuse', code: 'room_full' }]);
    send({ type: 'leave', session: 2, clean: false });
    expect(send({ type: 'watch', session: 4, id: 2 })).toMatchObject([{ do: 'done' }, { do: 'mediaJoin' }]);
  });

  it('refuses members beyond viewers and slots', () => {
    for (let s = 0; s < limits.maxViewers + 8; s++) join(s);
    expect(join(99)).toMatchObject([{ do: 'closeSession', session: 99, code: 'room_full' }]);
    expect(room.memberCount).toBe(limits.maxViewers + 8);
  });
});

describe('refusal', () => {
  it('is what the token does not permit, and everything to who is not here', () => {
    send({ type: 'join', session: 1, identity: { ...identity('l'), permissions: ['watch', 'react'] } });
    expect(room.refusal(1, 'react', now)).toBeUndefined();
    expect(room.refusal(1, 'comment', now)).toBe('not_permitted');
    expect(room.refusal(2, 'react', now)).toBe('not_permitted');
  });
});

describe('life of a room', () => {
  it('vanishes when empty long enough', () => {
    join(1);
    now += limits.emptyMs * 2;
    expect(send({ type: 'tick' })).toEqual([]);
    send({ type: 'leave', session: 1, clean: true });
    now += limits.emptyMs - 1;
    expect(send({ type: 'tick' })).toEqual([]);
    now += 1;
    expect(send({ type: 'tick' })).toEqual([{ do: 'vanish' }]);
  });

  it('closes its members and lets nobody in afterwards', () => {
    join(1);
    expect(send({ type: 'close' })).toMatchObject([{ do: 'closeSession', session: 1, code: 'room_closed' }]);
    send({ type: 'leave', session: 1, clean: true });
    now += 59_999;
    expect(join(2)).toMatchObject([{ do: 'closeSession', code: 'room_closed' }]);
    expect(send({ type: 'tick' })).toEqual([]);
    now += 1;
    expect(send({ type: 'tick' })).toEqual([{ do: 'vanish' }]);
  });

  it('wraps the generation after 256 livers of a slot', () => {
    join(1);
    const seen: number[] = [];
    for (let i = 0; i < 257; i++) {
      seen.push(live(1).gen);
      send({ type: 'unpublish', session: 1, id: 2 });
    }
    expect(seen.slice(0, 3)).toEqual([1, 2, 3]);
    expect(seen.slice(254)).toEqual([255, 0, 1]);
  });
});

describe('generations of a slot', () => {
  const far = (gen: number) => send({ type: 'remoteLiver', liver: { slot: 0, gen, sub: 'far' } });

  it('go on from whatever was heard first, however great', () => {
    expect(far(200)).toMatchObject([{ do: 'liver', liver: { gen: 200 } }]);
    send({ type: 'remoteLeft', slot: 0, gen: 200, gone: true });
    join(1);
    expect(live(1)).toEqual({ slot: 0, gen: 201 });
  });

  it('that are over are refused by who gives the slots', () => {
    far(200);
    send({ type: 'remoteLeft', slot: 0, gen: 200, gone: true });
    expect(far(199)).toEqual([{ do: 'evict', slot: 0, gen: 199 }]);
    expect(room.livers()).toEqual([]);
    send({ type: 'authority', here: false });
    expect(far(199)).toMatchObject([{ do: 'liver' }]);
  });
});
