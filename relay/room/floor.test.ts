import { describe, expect, it } from 'vitest';
import { RoomStage, refusedWith } from '../test/room-stage.ts';
import { SERVICE } from './types.ts';

/** Session 1 is a liver, 2 a moderator, from 3 on viewers. */
function scene(viewers = 2, limits = {}): RoomStage {
  const stage = new RoomStage({ maxViewers: 200, ...limits });
  stage.join(1, { sub: 'mio', roles: ['liver', 'viewer'] });
  stage.join(2, { sub: 'mod', roles: ['moderator'] });
  for (let s = 3; s < 3 + viewers; s++) stage.join(s, { sub: `v${s}` });
  return stage;
}

const speaking = (sub: string, state: string) => ({ t: 'speak', sub, state });

describe('speaking', () => {
  it('is asked for, granted, used and given back', () => {
    const stage = scene();
    expect(refusedWith(stage.send({ type: 'publish', session: 3, id: 1 }))).toBe('not_permitted');
    expect(stage.speak(3).at(-1)).toMatchObject({ do: 'done', session: 3 });
    for (const s of [1, 2, 3]) expect(stage.take(s)).toEqual([speaking('v3', 'requested')]);
    expect(stage.take(4)).toEqual([]);
    const granted = stage.moderate(2, 'grant', { sub: 'v3' });
    expect(granted[0]).toMatchObject({
      do: 'access',
      session: 3,
      permissions: ['publish', 'watch', 'comment', 'react', 'gift', 'speak'],
    });
    expect(granted.at(-1)).toMatchObject({ do: 'audit', by: 'mod', command: { action: 'grant', sub: 'v3' } });
    for (const s of [1, 2, 3]) expect(stage.take(s)).toEqual([speaking('v3', 'granted')]);
    expect(stage.live(3)).toEqual({ slot: 0, gen: 1 });
    const back = stage.speak(3, false);
    expect(back.map((action) => action.do)).toEqual(['mediaUnpublish', 'left', 'access', 'tell', 'done']);
    for (const s of [1, 2, 3]) expect(stage.take(s)).toEqual([speaking('v3', 'ended')]);
    expect(refusedWith(stage.send({ type: 'publish', session: 3, id: 1 }))).toBe('not_permitted');
  });

  it('is withdrawn, denied, or over after two minutes', () => {
    const stage = scene();
    stage.speak(3);
    stage.speak(3, false);
    stage.speak(3);
    stage.moderate(1, 'deny', { sub: 'v3' });
    stage.speak(3);
    stage.take(2);
    stage.pass(119_000);
    expect(stage.take(2)).toEqual([]);
    stage.pass(1000);
    expect(stage.take(2)).toEqual([speaking('v3', 'expired')]);
    expect(stage.take(3).map((message) => 'state' in message && message.state)).toEqual([
      'requested',
      'withdrawn',
      'requested',
      'denied',
      'requested',
      'expired',
    ]);
    expect(refusedWith(stage.moderate(2, 'grant', { sub: 'v3' }))).toBe('no_such_member');
  });

  it('is asked for by 32 at once, the longest first, and no more', () => {
    const stage = scene(40);
    for (let s = 3; s < 35; s++) expect(refusedWith(stage.speak(s))).toBeUndefined();
    expect(refusedWith(stage.speak(35))).toBe('rate_limited');
    // Who asks again keeps the place.
    expect(refusedWith(stage.speak(3))).toBeUndefined();
    stage.presence(2);
    const members = stage.take(2).find((message) => message.t === 'members');
    expect(members).toMatchObject({ requests: Array.from({ length: 32 }, (_, n) => ({ sub: `v${n + 3}` })) });
    stage.speak(10, false);
    stage.pass(1000);
    expect(refusedWith(stage.speak(35))).toBeUndefined();
  });

  it('asked for and withdrawn over and over does not flood the moderators', () => {
    const stage = scene();
    for (let turn = 0; turn < 1000; turn++) {
      stage.speak(3);
      stage.speak(3, false);
    }
    // 32 at once, each asked for and withdrawn.
    expect(stage.take(2)).toHaveLength(64);
    stage.pass(1000);
    for (let turn = 0; turn < 1000; turn++) {
      stage.speak(3);
      stage.speak(3, false);
    }
    expect(stage.take(2)).toHaveLength(8);
  });

  it('needs the permission, and nothing of who may publish', () => {
    const stage = scene();
    const identity = { ...stage.identity('mute', ['viewer']), permissions: ['watch'] as const };
    stage.send({ type: 'join', session: 9, identity });
    expect(refusedWith(stage.speak(9))).toBe('not_permitted');
    expect(stage.speak(1).map((action) => action.do)).toEqual(['done']);
    expect(stage.take(2)).toEqual([]);
  });

  it('is taken back, but not from who publishes by token', () => {
    const stage = scene();
    stage.speak(3);
    stage.moderate(2, 'grant', { sub: 'v3' });
    stage.live(1);
    stage.live(3);
    expect(refusedWith(stage.moderate(2, 'unseat', { sub: 'mio' }))).toBe('not_permitted');
    const actions = stage.moderate(2, 'unseat', { sub: 'v3' });
    expect(actions).toContainEqual({ do: 'mediaUnpublish', slot: 1 });
    expect(actions).toContainEqual({ do: 'left', slot: 1, gen: 1 });
    expect(stage.room.livers()).toHaveLength(1);
    expect(refusedWith(stage.moderate(2, 'unseat', { sub: 'v3' }))).toBeUndefined();
    expect(refusedWith(stage.moderate(2, 'unseat', { sub: 'nobody' }))).toBe('no_such_member');
  });

  it('ends with the session that was granted it, and a request with the one that asked', () => {
    const stage = scene();
    stage.speak(3);
    stage.moderate(2, 'grant', { sub: 'v3' });
    stage.speak(4);
    stage.take(2);
    stage.leave(3);
    stage.leave(4);
    expect(stage.take(2)).toEqual([speaking('v3', 'ended'), speaking('v4', 'withdrawn')]);
  });
});

describe('moderation', () => {
  it('is for who may', () => {
    const stage = scene();
    for (const action of ['mute', 'kick', 'ban', 'slow', 'host', 'close'] as const) {
      expect(refusedWith(stage.moderate(3, action, { sub: 'v4', seconds: 1 }))).toBe('not_permitted');
    }
    expect(stage.room.memberCount).toBe(4);
  });

  it('says what is missing', () => {
    const stage = scene();
    for (const action of ['mute', 'unmute', 'kick', 'ban', 'unban', 'grant', 'deny', 'unseat', 'host'] as const) {
      expect(refusedWith(stage.moderate(2, action))).toBe('invalid_argument');
      expect(refusedWith(stage.moderate(2, action, { sub: 'x'.repeat(129) }))).toBe('invalid_argument');
    }
    expect(refusedWith(stage.moderate(2, 'slow'))).toBe('invalid_argument');
    expect(refusedWith(stage.moderate(2, 'delete'))).toBe('invalid_argument');
    expect(refusedWith(stage.moderate(2, 'delete', { n: 1, sub: 'v3' }))).toBe('invalid_argument');
  });

  it('wants somebody who is here, but for bans and unmute', () => {
    const stage = scene();
    for (const action of ['mute', 'kick', 'grant', 'deny', 'unseat', 'host'] as const) {
      expect(refusedWith(stage.moderate(2, action, { sub: 'gone' }))).toBe('no_such_member');
    }
    for (const action of ['unmute', 'ban', 'unban'] as const) {
      expect(refusedWith(stage.moderate(2, action, { sub: 'gone' }))).toBeUndefined();
    }
  });

  it('spares livers, moderators and the host, but not from the service API', () => {
    const stage = scene(3);
    stage.moderate(1, 'host', { sub: 'v5' });
    for (const sub of ['mio', 'mod', 'v5']) {
      for (const action of ['mute', 'kick', 'ban'] as const) {
        expect(refusedWith(stage.moderate(2, action, { sub }))).toBe('not_permitted');
      }
      expect(refusedWith(stage.moderate(SERVICE, 'mute', { sub }))).toBeUndefined();
    }
    expect(stage.moderate(SERVICE, 'kick', { sub: 'mio' })).toMatchObject([
      { do: 'closeSession', session: 1, code: 'kicked' },
      { do: 'gone', sub: 'mio' },
      { do: 'done', session: SERVICE },
    ]);
  });

  it('mutes a person on all sessions, for so long or until unmuted', () => {
    const stage = scene();
    stage.join(8, { sub: 'v3' });
    stage.moderate(2, 'mute', { sub: 'v3', seconds: 10 });
    expect([stage.room.muted(3, stage.nowMs), stage.room.muted(8, stage.nowMs)]).toEqual([true, true]);
    expect(stage.room.muted(4, stage.nowMs)).toBe(false);
    stage.join(9, { sub: 'v3' });
    expect(stage.room.muted(9, stage.nowMs)).toBe(true);
    stage.presence(4);
    expect(stage.take(4)).toContainEqual(
      expect.objectContaining({ members: expect.arrayContaining([{ sub: 'v3', roles: ['viewer'], muted: true }]) }),
    );
    stage.pass(9999);
    expect(stage.room.muted(3, stage.nowMs)).toBe(true);
    stage.pass(1);
    expect(stage.room.muted(3, stage.nowMs)).toBe(false);
    stage.moderate(2, 'mute', { sub: 'v3' });
    stage.pass(3_600_000);
    expect(stage.room.muted(3, stage.nowMs)).toBe(true);
    stage.moderate(2, 'unmute', { sub: 'v3' });
    expect(stage.room.muted(3, stage.nowMs)).toBe(false);
  });

  it('kicks all sessions of a person, who may come back; one that resumes since the word was lost hears it once', () => {
    const stage = scene();
    stage.join(8, { sub: 'v3' });
    stage.send({ type: 'watch', session: 8, id: 1 });
    stage.lose(3);
    const actions = stage.moderate(2, 'kick', { sub: 'v3', reason: 'spoilers' });
    expect(actions).toMatchObject([
      { do: 'mediaLeave', session: 8 },
      { do: 'closeSession', session: 8, code: 'kicked', reason: 'spoilers' },
      { do: 'gone', sub: 'v3' },
      { do: 'done' },
      { do: 'audit', command: { reason: 'spoilers' } },
    ]);
    expect(stage.leave(8, false)).toEqual([]);
    // Another person's is nobody's word for this one.
    expect(stage.join(9, { sub: 'v4', resume: 3 })).toMatchObject([{ do: 'welcome', resumed: false }]);
    for (const former of [3, 8]) {
      expect(stage.join(10, { sub: 'v3', resume: former })).toEqual([
        { do: 'closeSession', session: 10, code: 'kicked', reason: 'spoilers' },
      ]);
      expect(stage.leave(10, false)).toEqual([]);
    }
    expect(stage.join(11, { sub: 'v3', resume: 3 })).toMatchObject([{ do: 'welcome', resumed: false }]);
  });

  it('forgets whom it sent out when a lost place would be forgotten', () => {
    const stage = scene();
    stage.moderate(2, 'kick', { sub: 'v3' });
    stage.pass(5000);
    expect(stage.join(9, { sub: 'v3', resume: 3 })).toMatchObject([{ do: 'welcome', resumed: false }]);
  });

  it('bans by the edge, and what holds closes the sessions', () => {
    const stage = scene();
    expect(stage.moderate(2, 'ban', { sub: 'v3', seconds: 60, reason: 'spam' })).toMatchObject([
      { do: 'ban', session: 2, sub: 'v3', seconds: 60, reason: 'spam', by: 'mod' },
    ]);
    expect(stage.room.memberCount).toBe(4);
    expect(stage.send({ type: 'banned', sub: 'v3', reason: 'spam' })).toMatchObject([
      { do: 'closeSession', session: 3, code: 'banned', reason: 'spam' },
      { do: 'gone', sub: 'v3' },
    ]);
    expect(stage.send({ type: 'banned', sub: 'gone', reason: '' })).toEqual([]);
    expect(stage.moderate(2, 'unban', { sub: 'v3' })).toMatchObject([{ do: 'unban', sub: 'v3', by: 'mod' }]);
  });

  it('frees the slot of a liver who was lost and is banned', () => {
    const stage = scene();
    stage.live(1);
    stage.lose(1);
    expect(stage.send({ type: 'banned', sub: 'mio', reason: '' })).toEqual([
      { do: 'gone', sub: 'mio' },
      { do: 'left', slot: 0, gen: 1 },
    ]);
  });

  it('tells who listens of slow mode', () => {
    const stage = scene();
    stage.presence(3);
    stage.take(3);
    expect(stage.moderate(2, 'slow', { seconds: 20 })).toContainEqual({ do: 'slow', seconds: 20 });
    expect(stage.take(3)).toEqual([{ t: 'room', slowSeconds: 20 }]);
    expect(stage.take(4)).toEqual([]);
  });

  it('hands the room over: the host publishes and moderates, here and when they come back', () => {
    const stage = scene();
    stage.presence(4);
    stage.take(4);
    const actions = stage.moderate(1, 'host', { sub: 'v3' });
    expect(actions[0]).toMatchObject({ do: 'access', session: 3 });
    expect(stage.room.may(3, 'moderate') && stage.room.may(3, 'publish')).toBe(true);
    expect(stage.take(4)).toEqual([{ t: 'room', slowSeconds: 0, host: 'v3' }]);
    stage.leave(3);
    expect(stage.join(9, { sub: 'v3' })).toMatchObject([
      { do: 'welcome', permissions: ['publish', 'watch', 'comment', 'react', 'gift', 'speak', 'moderate'] },
    ]);
    stage.live(9);
    // On to the next: what the former host had by it is over.
    const next = stage.moderate(9, 'host', { sub: 'v4' });
    expect(next).toContainEqual({ do: 'mediaUnpublish', slot: 0 });
    expect([stage.room.may(9, 'moderate'), stage.room.may(4, 'moderate')]).toEqual([false, true]);
    // Who hands it on to themselves keeps it.
    expect(refusedWith(stage.moderate(4, 'host', { sub: 'v4' }))).toBeUndefined();
    expect(stage.room.may(4, 'moderate')).toBe(true);
  });

  it('tells a new host who waits to speak', () => {
    const stage = scene();
    stage.presence(3);
    stage.speak(4);
    stage.moderate(1, 'host', { sub: 'v3' });
    stage.take(3);
    stage.pass(1000);
    expect(stage.take(3)).toMatchObject([{ t: 'members', requests: [{ sub: 'v4' }] }]);
  });

  it('closes the room for a minute', () => {
    const stage = scene();
    const actions = stage.moderate(2, 'close', { reason: 'good night' });
    expect(actions.filter((action) => action.do === 'closeSession')).toHaveLength(4);
    expect(actions[0]).toMatchObject({ code: 'room_closed', reason: 'good night' });
    for (let s = 1; s <= 4; s++) stage.leave(s);
    stage.pass(59_000);
    expect(stage.join(9)).toMatchObject([{ do: 'closeSession', code: 'room_closed' }]);
    expect(stage.pass(1000)).toEqual([{ do: 'vanish' }]);
  });
});

describe('a new token', () => {
  it('changes what a session may do, and ends what it may not any more', () => {
    const stage = scene();
    stage.send({ type: 'watch', session: 1, id: 1 });
    stage.live(1);
    const identity = { ...stage.identity('mio', ['viewer']), permissions: ['comment'] as const, expiresAt: 5 };
    expect(stage.send({ type: 'refresh', session: 1, id: 7, identity })).toEqual([
      { do: 'access', session: 1, id: 7, roles: ['viewer'], permissions: ['comment'], expiresAt: 5 },
      { do: 'mediaUnpublish', slot: 0 },
      { do: 'left', slot: 0, gen: 1 },
      { do: 'mediaLeave', session: 1 },
    ]);
    expect(refusedWith(stage.moderate(1, 'slow', { seconds: 1 }))).toBe('not_permitted');
  });

  it('keeps what moderators gave', () => {
    const stage = scene();
    stage.speak(3);
    stage.moderate(2, 'grant', { sub: 'v3' });
    stage.send({ type: 'refresh', session: 3, id: 7, identity: stage.identity('v3', ['viewer']) });
    expect(stage.room.may(3, 'publish')).toBe(true);
  });
});

describe('resuming', () => {
  it('keeps the place: nobody hears of it, and what was granted or asked for stays', () => {
    const stage = scene();
    stage.presence(2);
    stage.pass(1000);
    stage.speak(3);
    stage.moderate(2, 'grant', { sub: 'v3' });
    stage.speak(4);
    stage.live(3);
    stage.lose(3);
    stage.lose(4);
    stage.take(2);
    stage.pass(4000);
    expect(stage.join(13, { sub: 'v3', resume: 3 })).toMatchObject([
      { do: 'welcome', session: 13, resumed: true, livers: [{ slot: 0, gen: 1, sub: 'v3' }] },
    ]);
    stage.join(14, { sub: 'v4', resume: 4 });
    // The slot is kept, its generation is the next: another connection counts anew.
    expect(stage.live(13)).toEqual({ slot: 0, gen: 2 });
    stage.pass(10_000);
    expect(stage.take(2)).toEqual([]);
    stage.presence(2);
    expect(stage.take(2).find((message) => message.t === 'members')).toMatchObject({ requests: [{ sub: 'v4' }] });
    expect(stage.moderate(2, 'grant', { sub: 'v4' })[0]).toMatchObject({ do: 'access', session: 14 });
  });

  it('takes over from a session that is not known to be dead', () => {
    const stage = scene();
    stage.send({ type: 'watch', session: 3, id: 1 });
    expect(stage.join(13, { sub: 'v3', resume: 3 })).toMatchObject([
      { do: 'mediaLeave', session: 3 },
      { do: 'closeSession', session: 3, code: 'closed' },
      { do: 'welcome', session: 13, resumed: true },
    ]);
    expect(stage.leave(3, false)).toEqual([]);
    expect([stage.room.memberCount, stage.room.viewerCount]).toEqual([4, 0]);
  });

  it('works once, in time, and for the same person', () => {
    const stage = scene();
    stage.lose(3);
    expect(stage.join(13, { sub: 'v4', resume: 3 })).toMatchObject([{ resumed: false }]);
    expect(stage.join(14, { sub: 'v3', resume: 3 })).toMatchObject([{ resumed: true }]);
    expect(stage.join(15, { sub: 'v3', resume: 3 })).toMatchObject([{ resumed: false }]);
    stage.lose(14);
    stage.pass(5000);
    expect(stage.join(16, { sub: 'v3', resume: 14 })).toMatchObject([{ resumed: false }]);
    stage.leave(16);
    expect(stage.join(17, { sub: 'v3', resume: 16 })).toMatchObject([{ resumed: false }]);
  });

  it('finds its place in a full room', () => {
    const stage = new RoomStage({ maxViewers: 1 });
    for (let s = 1; s <= 9; s++) stage.join(s);
    expect(stage.join(10)).toMatchObject([{ do: 'closeSession', code: 'room_full' }]);
    expect(stage.join(11, { sub: 's3', resume: 3 }).at(-1)).toMatchObject({ do: 'welcome', resumed: true });
    expect(stage.room.memberCount).toBe(9);
  });

  it('keeps no more places than the room has', () => {
    const stage = new RoomStage({ maxViewers: 1 });
    for (let s = 1; s <= 50; s++) {
      stage.join(s);
      stage.lose(s);
    }
    expect(stage.room.peopleCount).toBe(9);
    expect(stage.join(60, { sub: 's41', resume: 41 })).toMatchObject([{ resumed: false }]);
    expect(stage.join(61, { sub: 's42', resume: 42 })).toMatchObject([{ resumed: true }]);
  });
});
