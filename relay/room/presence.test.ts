import { encodeMessage, MAX_MESSAGE_BYTES, type RelayMessage } from '@hayate/codec/messages';
import { describe, expect, it } from 'vitest';
import { RoomStage } from '../test/room-stage.ts';

type Told<T extends RelayMessage['t']> = Extract<RelayMessage, { t: T }>;

/** The messages of this kind among those that a session was told. */
function of<T extends RelayMessage['t']>(t: T, messages: readonly RelayMessage[]): Told<T>[] {
  return messages.filter((message): message is Told<T> => message.t === t);
}

describe('members', () => {
  it('come after done and the rules, livers and moderators first, then the newest', () => {
    const stage = new RoomStage();
    for (let s = 1; s <= 80; s++) stage.join(s);
    stage.join(81, { sub: 'mio', roles: ['liver', 'viewer'], isNew: true });
    stage.join(82, { sub: 'mod', roles: ['moderator'] });
    stage.join(83);
    expect(stage.presence(1).map((action) => action.do)).toEqual(['done', 'tell', 'news']);
    const [rules, members] = stage.take(1);
    expect(rules).toEqual({ t: 'room', slowSeconds: 0 });
    const { total, viewers, members: list } = members as Told<'members'>;
    expect([total, viewers, list.length]).toEqual([83, 0, 64]);
    expect(list.slice(0, 4)).toEqual([
      { sub: 'mio', roles: ['liver', 'viewer'], isNew: true },
      { sub: 'mod', roles: ['moderator'] },
      { sub: 's83', roles: ['viewer'] },
      { sub: 's80', roles: ['viewer'] },
    ]);
    expect(list.at(-1)).toMatchObject({ sub: 's20' });
    expect(members).not.toHaveProperty('requests');
  });

  it('are people: two sessions of one are one, until both have gone', () => {
    const stage = new RoomStage();
    stage.join(1);
    stage.join(2, { sub: 'ann' });
    stage.join(3, { sub: 'ann', roles: ['moderator'] });
    stage.presence(1);
    stage.pass(1000);
    expect(of('members', stage.take(1))[0]).toMatchObject({
      total: 2,
      members: [{ sub: 'ann', roles: ['viewer', 'moderator'] }, { sub: 's1' }],
    });
    stage.leave(2);
    stage.pass(1000);
    expect(stage.take(1)).toEqual([]);
    stage.leave(3);
    stage.pass(1000);
    expect(stage.take(1)).toEqual([{ t: 'presence', total: 1, viewers: 0, entered: [], left: ['ann'] }]);
  });

  it('are in one message whatever their names', () => {
    const stage = new RoomStage({ maxViewers: 500 });
    const long = (n: number, length: number) => `${n}`.padEnd(length, '疾');
    for (let s = 1; s <= 128; s++) {
      const roles = ['liver', 'viewer', 'moderator'] as const;
      const who = { ...stage.identity(long(s, 128), [...roles]), name: long(s, 64) };
      const permissions = s <= 32 ? (['speak'] as const) : who.permissions;
      stage.send({ type: 'join', session: s, isNew: true, identity: { ...who, permissions } });
      if (s <= 32) stage.speak(s);
      else stage.send({ type: 'moderate', session: 128, id: 1, command: { action: 'mute', sub: long(s, 128) } });
    }
    stage.presence(128);
    const [members] = of('members', stage.take(128));
    expect([members!.members.length, members!.requests!.length]).toEqual([64, 32]);
    expect(encodeMessage(members!).length).toBeLessThan(MAX_MESSAGE_BYTES);
  });
});

describe('presence', () => {
  it('is exact in its counts and names a few, who is new here first', () => {
    const stage = new RoomStage();
    stage.join(1);
    stage.presence(1);
    stage.pass(1000);
    stage.take(1);
    for (let s = 2; s <= 21; s++) stage.join(s, { isNew: s > 18 });
    for (const s of [2, 3]) stage.send({ type: 'watch', session: s, id: 1 });
    stage.pass(1000);
    const [news, ...more] = stage.take(1);
    expect(more).toEqual([]);
    expect(news).toMatchObject({ t: 'presence', total: 21, viewers: 2, left: [], moreEntered: 12 });
    const { entered } = news as Told<'presence'>;
    expect(entered.map(({ sub }) => sub)).toEqual(['s19', 's20', 's21', 's2', 's3', 's4', 's5', 's6']);
    expect(entered[0]).toMatchObject({ isNew: true });
    for (let s = 2; s <= 21; s++) stage.leave(s);
    stage.pass(1000);
    expect(stage.take(1)).toMatchObject([{ total: 1, viewers: 0, entered: [], moreLeft: 12 }]);
  });

  it('says nothing of who came and went, or went and came back, in between', () => {
    const stage = new RoomStage();
    for (const s of [1, 2]) stage.join(s);
    stage.presence(1);
    stage.pass(1000);
    stage.take(1);
    stage.join(3);
    stage.leave(3);
    stage.leave(2);
    stage.join(4, { sub: 's2' });
    stage.pass(5000);
    expect(stage.take(1)).toEqual([]);
  });

  it('tells who has a list of in between what happened since', () => {
    const stage = new RoomStage();
    for (const s of [1, 2]) stage.join(s);
    stage.presence(1);
    stage.pass(1000);
    stage.join(3);
    stage.leave(2);
    stage.presence(1);
    stage.leave(3);
    stage.join(4, { sub: 's2' });
    stage.take(1);
    stage.pass(1000);
    expect(stage.take(1)).toMatchObject([{ entered: [{ sub: 's2' }], left: ['s3'], total: 2 }]);
  });

  it('tells who has an old list of somebody who went, came and went while another list was given', () => {
    const stage = new RoomStage();
    for (const s of [1, 2, 3]) stage.join(s);
    stage.presence(1);
    stage.pass(1000);
    stage.leave(2);
    stage.presence(3);
    stage.join(4, { sub: 's2' });
    stage.leave(4);
    stage.take(1);
    stage.pass(1000);
    expect(stage.take(1)).toMatchObject([{ entered: [], left: ['s2'], total: 2 }]);
  });

  it('tells of watchers alone too', () => {
    const stage = new RoomStage();
    for (const s of [1, 2]) stage.join(s);
    stage.presence(1);
    stage.pass(1000);
    stage.take(1);
    stage.send({ type: 'watch', session: 2, id: 1 });
    stage.pass(1000);
    expect(stage.take(1)).toEqual([{ t: 'presence', total: 2, viewers: 1, entered: [], left: [] }]);
  });

  it.each([
    [100, 1000],
    [101, 2000],
    [1000, 2000],
    [1001, 5000],
  ])('in a room of %i comes every %i ms', (people, everyMs) => {
    const stage = new RoomStage({ maxViewers: 2000 });
    for (let s = 1; s <= people; s++) stage.join(s);
    stage.presence(1);
    stage.pass(5000);
    stage.take(1);
    const at: number[] = [];
    for (let turn = 0; turn < 20; turn++) {
      // One comes, one goes: the room stays as large as it is.
      stage.leave(people + turn);
      stage.join(people + turn + 1);
      stage.pass(1000);
      if (of('presence', stage.take(1)).length > 0) at.push(stage.nowMs);
    }
    const gaps = at.slice(1).map((ms, n) => ms - at[n]!);
    expect(new Set(gaps)).toEqual(new Set([everyMs]));
  });

  it('is one message for all who listen, and costs no more with more of them', () => {
    const stage = new RoomStage();
    for (let s = 1; s <= 50; s++) {
      stage.join(s);
      stage.presence(s);
    }
    const news = stage.pass(1000).filter((action) => action.do === 'news');
    expect(news).toHaveLength(1);
    expect([...(news[0] as { to: Iterable<number> }).to]).toHaveLength(50);
  });

  it('ends when it is turned off, and with the session', () => {
    const stage = new RoomStage();
    for (const s of [1, 2, 3]) stage.join(s);
    stage.presence(1);
    stage.presence(2);
    expect(stage.send({ type: 'presence', session: 1, id: 4, on: false })).toEqual([{ do: 'done', session: 1, id: 4 }]);
    stage.lose(2);
    stage.take(1);
    stage.take(2);
    stage.join(4);
    expect(stage.pass(2000).filter((action) => action.do === 'news')).toEqual([]);
  });
});

describe('a session that reads slowly', () => {
  it('gets the whole state later, once, instead of what it missed', () => {
    const stage = new RoomStage();
    for (const s of [1, 2]) {
      stage.join(s);
      stage.presence(s);
    }
    stage.join(3);
    stage.pass(1000);
    stage.take(1);
    stage.take(2);
    stage.send({ type: 'behind', session: 1 });
    stage.join(4);
    stage.pass(1000);
    expect(stage.take(1)).toMatchObject([{ t: 'members', total: 4 }]);
    expect(stage.take(2)).toMatchObject([{ t: 'presence', total: 4, entered: [{ sub: 's4' }] }]);
    // It has room again, and nothing happens: no more is owed.
    stage.pass(3000);
    expect([...stage.take(1), ...stage.take(2)]).toEqual([]);
    // It still does not read: tried again each second, also when nothing changes.
    for (let turn = 0; turn < 3; turn++) {
      stage.send({ type: 'behind', session: 1 });
      stage.pass(1000);
      expect(stage.take(1)).toMatchObject([{ t: 'members', total: 4 }]);
    }
    // Of a session that does not listen, nothing is kept.
    stage.send({ type: 'presence', session: 1, id: 9, on: false });
    stage.send({ type: 'behind', session: 1 });
    expect(stage.pass(1000)).toEqual([]);
  });
});
