import type { ClientMessage, Moderate, Permission, RelayMessage } from '@hayate/codec/messages';
import { describe, expect, it } from 'vitest';
import type { PresenceChange, SpeakRequest } from '../src/types.ts';
import { FakeRelay, TARGET } from '../test/fake-relay.ts';

type Of<T extends ClientMessage['t']> = Extract<ClientMessage, { t: T }>;
const sent = <T extends ClientMessage['t']>(relay: FakeRelay, type: T) =>
  relay.sessions.flatMap(({ received }) => received).filter((message): message is Of<T> => message.t === type);

async function joined(relay = new FakeRelay()) {
  const room = relay.entry.connectRoom(TARGET, { retryMs: 1 });
  await relay.advance(10);
  return { relay, room };
}

const member = (sub: string, more: object = {}) => ({ sub, roles: ['viewer'], ...more });

describe('presence', () => {
  it('is asked for while somebody listens, in each session', async () => {
    const { relay, room } = await joined();
    expect(sent(relay, 'presence')).toEqual([]);
    const removes = [room.on('presence', () => {}), room.on('rules', () => {})];
    await relay.advance(10);
    expect(sent(relay, 'presence')).toMatchObject([{ on: true }]);
    relay.last.transport.kill();
    await relay.advance(20);
    expect(sent(relay, 'presence')).toMatchObject([{ on: true }, { on: true }]);
    for (const remove of removes) remove();
    await relay.advance(10);
    expect(sent(relay, 'presence')).toMatchObject([{ on: true }, { on: true }, { on: false }]);
    relay.last.send({ t: 'members', total: 1, viewers: 1, members: [member('ann')] });
    await relay.advance(10);
    expect(room.presence).toBeUndefined();
    room.close();
  });

  it('keeps the members: livers and moderators first, then the newest', async () => {
    const { relay, room } = await joined();
    const changes: PresenceChange[] = [];
    room.on('presence', (change) => changes.push(change));
    const rules: object[] = [];
    room.on('rules', (changed) => rules.push(changed));
    await relay.advance(10);
    relay.last.send({ t: 'room', slowSeconds: 5, host: 'mio' });
    relay.last.send({
      t: 'members',
      total: 3,
      viewers: 2,
      members: [member('mio', { roles: ['liver'] }), member('cy'), member('bo', { name: 'Bo', muted: true })],
    });
    relay.last.send({
      t: 'presence',
      total: 4,
      viewers: 3,
      entered: [member('di', { isNew: true }), member('mod', { roles: ['moderator'] }), member('ed')],
      left: ['cy', 'nobody'],
    });
    await relay.advance(10);
    expect(rules).toEqual([{ slowSeconds: 5, host: 'mio' }]);
    expect(room.rules).toEqual(rules[0]);
    expect(room.presence?.members.map(({ subject }) => subject)).toEqual(['mio', 'mod', 'ed', 'di', 'bo']);
    expect(room.presence?.members.at(-1)).toEqual({
      subject: 'bo',
      name: 'Bo',
      roles: ['viewer'],
      isNew: false,
      muted: true,
    });
    expect(changes[1]).toMatchObject({ total: 4, viewers: 3, left: ['cy', 'nobody'], moreEntered: 0, moreLeft: 0 });
    expect(changes[1]?.entered[0]).toMatchObject({ subject: 'di', isNew: true });
    relay.last.transport.kill();
    await relay.advance(1);
    expect([room.presence, room.rules]).toEqual([undefined, undefined]);
    room.close();
  });

  it('stays within 64 names, and asks again when names were left out, every 10 s at most', async () => {
    const { relay, room } = await joined();
    room.on('presence', () => {});
    await relay.advance(10);
    const many = Array.from({ length: 64 }, (_, n) => member(`v${n}`));
    relay.last.send({ t: 'members', total: 64, viewers: 64, members: many });
    for (let second = 0; second < 20; second++) {
      const entered = [0, 1, 2, 3].map((n) => member(`w${second}-${n}`));
      relay.last.send({ t: 'presence', total: 900, viewers: 900, entered, left: [], moreEntered: 30 });
      await relay.advance(1_000);
    }
    expect(room.presence?.members).toHaveLength(64);
    expect(room.presence?.members[0]?.subject).toBe('w19-3');
    expect(room.presence?.total).toBe(900);
    expect(sent(relay, 'presence')).toHaveLength(2);
    room.close();
    await relay.advance(20_000);
    expect(relay.timers).toBe(0);
  });

  it('keeps who waits to speak, for moderators', async () => {
    const { relay, room } = await joined();
    const speaks: object[] = [];
    room.on('presence', () => {});
    room.on('speak', (change) => speaks.push(change));
    await relay.advance(10);
    const members = [member('bo', { name: 'Bo' })];
    relay.last.send({ t: 'members', total: 1, viewers: 1, members, requests: [member('cy')] });
    relay.last.send({ t: 'speak', sub: 'bo', name: 'Bo', state: 'requested' });
    await relay.advance(10);
    expect(room.presence?.requests.map(({ subject }) => subject)).toEqual(['cy', 'bo']);
    relay.last.send({ t: 'speak', sub: 'cy', state: 'granted' });
    relay.last.send({ t: 'presence', total: 1, viewers: 1, entered: [], left: ['bo'] });
    await relay.advance(10);
    expect(room.presence?.requests).toEqual([]);
    expect(speaks).toEqual([
      { subject: 'bo', name: 'Bo', state: 'requested' },
      { subject: 'cy', state: 'granted' },
    ]);
    room.close();
  });
});

describe('speaking', () => {
  const states = (request: SpeakRequest) => {
    const seen: string[] = [request.state];
    request.onState((state) => seen.push(state));
    return seen;
  };
  const viewers = () => {
    const relay = new FakeRelay();
    relay.script.welcome = { permissions: ['watch', 'speak'], roles: ['viewer'] };
    return relay;
  };
  const say = (relay: FakeRelay, state: Extract<RelayMessage, { t: 'speak' }>['state'], sub = 'ann') =>
    relay.last.send({ t: 'speak', sub, state });

  it('is asked, granted, and given back; publishing works in between', async () => {
    const relay = viewers();
    const { room } = await joined(relay);
    const request = room.requestToSpeak();
    const seen = states(request);
    expect(room.requestToSpeak()).toBe(request);
    await relay.advance(10);
    say(relay, 'granted', 'somebody');
    say(relay, 'requested');
    await relay.advance(10);
    expect(request.state).toBe('requested');
    expect(room.permissions.has('publish')).toBe(false);
    relay.last.send({ t: 'access', roles: ['viewer'], permissions: ['watch', 'speak', 'publish'], expiresAt: 1 });
    say(relay, 'granted');
    await relay.advance(10);
    expect(await request.granted).toBe(true);
    expect(room.permissions.has('publish')).toBe(true);
    const publisher = relay.entry.publish(room);
    await relay.advance(10);
    await publisher.ready;
    const withdrawn = request.withdraw();
    await relay.advance(10);
    await withdrawn;
    expect(seen).toEqual(['asking', 'requested', 'granted', 'ended']);
    expect(sent(relay, 'speak').map(({ want }) => want)).toEqual([true, false]);
    expect(room.requestToSpeak()).not.toBe(request);
    room.close();
  });

  it('is granted at once to who may publish anyway', async () => {
    const { relay, room } = await joined();
    const request = room.requestToSpeak();
    await relay.advance(10);
    expect([request.state, await request.granted]).toEqual(['granted', true]);
    room.close();
  });

  it.each(['denied', 'expired', 'withdrawn'] as const)('ends when it is %s', async (state) => {
    const { relay, room } = await joined(viewers());
    const request = room.requestToSpeak();
    await relay.advance(10);
    say(relay, state);
    await relay.advance(10);
    expect([request.state, await request.granted]).toEqual([state, false]);
    await request.withdraw();
    expect(sent(relay, 'speak')).toHaveLength(1);
    room.close();
  });

  it('is refused by the relay, without a session, or with the room', async () => {
    const relay = new FakeRelay();
    relay.script.answer = ({ id }: { id: number }) => ({
      t: 'error',
      id,
      code: 'rate_limited',
      message: 'the queue is full',
      retryable: true,
    });
    const { room } = await joined(relay);
    const request = room.requestToSpeak();
    await relay.advance(10);
    expect(request.state).toBe('refused');
    await expect(request.granted).rejects.toMatchObject({ code: 'rate_limited' });
    relay.script.answer = () => undefined;
    const open = room.requestToSpeak();
    await relay.advance(10);
    relay.last.transport.close({ closeCode: 303, reason: 'out' });
    await relay.advance(10);
    await expect(open.granted).rejects.toMatchObject({ code: 'kicked' });
    await expect(room.requestToSpeak().granted).rejects.toMatchObject({ code: 'kicked' });
  });

  it('learns from what it may now what a moderator did while the session was lost', async () => {
    const relay = new FakeRelay();
    relay.script.welcome = { permissions: ['watch', 'speak'], resume: 'place 1' };
    const { room } = await joined(relay);
    const request = room.requestToSpeak();
    await relay.advance(10);
    const again = async (permissions: Permission[]) => {
      relay.script.welcome = { permissions, resume: 'place 1', resumed: true };
      relay.last.transport.kill();
      await relay.advance(20);
    };
    await again(['watch', 'speak', 'publish']);
    expect([request.state, await request.granted]).toEqual(['granted', true]);
    await again(['watch', 'speak']);
    expect(request.state).toBe('ended');
    room.close();
  });

  it('survives a lost session: kept when the relay resumes it, asked again when it does not', async () => {
    const relay = new FakeRelay();
    relay.script.welcome = { permissions: ['watch', 'speak'], resume: 'place 1' };
    const { room } = await joined(relay);
    const request = room.requestToSpeak();
    await relay.advance(10);
    relay.script.welcome = { permissions: ['watch', 'speak'], resume: 'place 2', resumed: true };
    relay.last.transport.kill();
    await relay.advance(20);
    expect(relay.last.received[0]).toMatchObject({ t: 'hello', resume: 'place 1' });
    expect(room.welcome?.resumed).toBe(true);
    expect([request.state, sent(relay, 'speak').length]).toEqual(['requested', 1]);
    relay.script.welcome = { permissions: ['watch', 'speak'] };
    relay.last.transport.kill();
    await relay.advance(20);
    expect(relay.last.received[0]).toMatchObject({ t: 'hello', resume: 'place 2' });
    expect([request.state, sent(relay, 'speak').length]).toEqual(['requested', 2]);
    say(relay, 'granted');
    relay.script.welcome = { permissions: ['watch'] };
    await relay.advance(10);
    relay.last.transport.kill();
    await relay.advance(20);
    // The relay forgot the grant.
    expect(request.state).toBe('ended');
    expect(relay.last.received[0]).not.toHaveProperty('resume');
    room.close();
  });

  it('ends a publisher whose permission is taken back, and no other', async () => {
    const { relay, room } = await joined();
    const publisher = relay.entry.publish(room);
    const interrupted: string[] = [];
    publisher.on('interrupted', ({ code }) => interrupted.push(code));
    await relay.advance(10);
    relay.last.send({ t: 'access', roles: ['viewer'], permissions: ['publish', 'watch'], expiresAt: 1 });
    await relay.advance(10);
    expect([publisher.live, interrupted]).toEqual([true, []]);
    relay.last.send({ t: 'access', roles: ['viewer'], permissions: ['watch'], expiresAt: 1 });
    await relay.advance(10);
    expect([publisher.live, interrupted]).toEqual([false, ['not_permitted']]);
    expect(room.state).toBe('open');
    room.close();
  });
});

describe('moderation', () => {
  it('brings the members anew, who are muted now or not', async () => {
    const { relay, room } = await joined();
    room.on('presence', () => {});
    await relay.advance(10);
    const muted = room.moderate.mute('bo');
    await relay.advance(10);
    await muted;
    expect(sent(relay, 'presence')).toMatchObject([{ on: true }, { on: true }]);
    room.close();
  });

  it('says what was asked for', async () => {
    const { relay, room } = await joined();
    const { moderate } = room;
    const done = Promise.all([
      moderate.mute('bo', { seconds: 60, reason: 'spam' }),
      moderate.unmute('bo'),
      moderate.kick('bo', { reason: 'out' }),
      moderate.ban('bo', { seconds: 3600 }),
      moderate.unban('bo'),
      moderate.slow(10),
      moderate.slow(0),
      moderate.deleteComment(7),
      moderate.deleteCommentsOf('bo'),
      moderate.grant('bo'),
      moderate.deny('bo'),
      moderate.unseat('bo'),
      moderate.handOver('bo'),
      moderate.close(),
    ]);
    await relay.advance(10);
    await done;
    const asked = sent(relay, 'moderate').map(({ t: _, id: __, ...rest }: Moderate) => rest);
    expect(asked).toEqual([
      { action: 'mute', sub: 'bo', seconds: 60, reason: 'spam' },
      { action: 'unmute', sub: 'bo' },
      { action: 'kick', sub: 'bo', reason: 'out' },
      { action: 'ban', sub: 'bo', seconds: 3600 },
      { action: 'unban', sub: 'bo' },
      { action: 'slow', seconds: 10 },
      { action: 'slow', seconds: 0 },
      { action: 'delete', n: 7 },
      { action: 'delete', sub: 'bo' },
      { action: 'grant', sub: 'bo' },
      { action: 'deny', sub: 'bo' },
      { action: 'unseat', sub: 'bo' },
      { action: 'host', sub: 'bo' },
      { action: 'close' },
    ]);
    room.close();
  });

  it('refuses what the relay would take for a bug, and rejects with the relay’s code', async () => {
    const { relay, room } = await joined();
    for (const wrong of [
      () => room.moderate.kick(''),
      () => room.moderate.mute('bo', { seconds: 0 }),
      () => room.moderate.ban('bo', { seconds: 1.5 }),
      () => room.moderate.slow(-1),
      () => room.moderate.deleteComment(Number.NaN),
      () => room.moderate.kick('bo', { reason: 'x'.repeat(201) }),
    ]) {
      await expect(wrong()).rejects.toMatchObject({ code: 'invalid_argument' });
    }
    expect(sent(relay, 'moderate')).toEqual([]);
    relay.script.answer = ({ id }: { id: number }) => ({
      t: 'error',
      id,
      code: 'no_such_member',
      message: 'nobody',
      retryable: false,
    });
    const kick = room.moderate.kick('nobody').catch(({ code }) => code);
    await relay.advance(10);
    expect(await kick).toBe('no_such_member');
    relay.script.answer = () => undefined;
    const close = room.moderate.close();
    await relay.advance(5);
    relay.last.transport.close({ closeCode: 302, reason: '' });
    await relay.advance(5);
    await close;
    expect(await room.closed).toMatchObject({ code: 'room_closed' });
    await expect(room.moderate.kick('bo')).rejects.toMatchObject({ code: 'connection_lost' });
  });
});
