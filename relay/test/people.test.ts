import { type ClientMessage, encodeMessage, MessageReader, type RelayMessage } from '@hayate/codec/messages';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryCommunityStore } from '../community/memory.ts';
import { type Body, bodies, type Rig } from './bodies.ts';
import type { TestClient } from './client.ts';
import { eventually, live, watching } from './scene.ts';

for (const body of bodies) {
  if (body.missing) it(`people over ${body.name}`, ({ skip }) => skip(body.missing));
  else describe(`people over ${body.name}`, () => suite(body));
}

function suite(body: Body): void {
  let rig: Rig;
  let rooms = 0;
  let room = '';
  const store = new MemoryCommunityStore();
  beforeAll(async () => {
    rig = await body.start({ rooms: { lingerMs: 3000 } }, { community: store });
  });
  afterAll(() => rig?.close());

  /** A moderator in a room of its own. */
  async function moderator(): Promise<TestClient> {
    room = `people-${++rooms}`;
    return rig.join({ room, sub: 'mod', roles: ['moderator'] });
  }

  const viewer = (sub: string, more = {}) => rig.join({ room, sub, roles: ['viewer'], ...more });
  const done = { t: 'done' };
  const news = (client: TestClient, t: RelayMessage['t']) => client.messages.filter((message) => message.t === t);

  it('tells who is here, who comes and who goes', async () => {
    const mod = await moderator();
    expect(await mod.request({ t: 'presence', on: true })).toMatchObject(done);
    expect(await mod.heard('room')).toEqual({ t: 'room', slowSeconds: 0 });
    expect(await mod.heard('members')).toEqual({
      t: 'members',
      total: 1,
      viewers: 0,
      members: [{ sub: 'mod', roles: ['moderator'], isNew: true }],
      requests: [],
    });
    const ann = await viewer('ann', { isNew: false });
    await mod.until(() => JSON.stringify(news(mod, 'presence')).includes('"ann"'), 'ann');
    // The backend says that ann is known.
    const entered = expect.arrayContaining([{ sub: 'ann', roles: ['viewer'] }]);
    expect(news(mod, 'presence').at(-1)).toMatchObject({ entered, total: 2 });
    ann.session.close();
    await mod.until(() => JSON.stringify(news(mod, 'presence').at(-1)).includes('"left":["ann"]'), 'ann gone');
  });

  it('knows who is new here, by its own record', async () => {
    const first = await moderator();
    await viewer('ann');
    const known = (await store.visit(room, 'ann', Date.now())).count;
    expect(known).toBe(1);
    // Seen first long ago: the record of another day.
    const old = room;
    await store.visit(old, 'bob', Date.now() - 86_400_000);
    await viewer('bob');
    await first.request({ t: 'presence', on: true });
    const { members } = await first.heard('members');
    expect(members).toContainEqual({ sub: 'ann', roles: ['viewer'], isNew: true });
    expect(members).toContainEqual({ sub: 'bob', roles: ['viewer'] });
  });

  it('lets a person speak who was granted it, until the slot is taken back', async () => {
    const mod = await moderator();
    const ann = await viewer('ann');
    const guest = await watching(rig, { room });
    expect(await ann.request({ t: 'publish' })).toMatchObject({ t: 'error', code: 'not_permitted' });
    expect(await ann.request({ t: 'speak', want: true })).toMatchObject(done);
    expect(await mod.heard('speak')).toMatchObject({ sub: 'ann', state: 'requested' });
    expect(await mod.request({ t: 'moderate', action: 'grant', sub: 'ann' })).toMatchObject(done);
    expect((await ann.heard('access')).permissions).toContain('publish');
    expect(await ann.request({ t: 'publish' })).toMatchObject({ t: 'publishing', slot: 0 });
    expect(await guest.heard('liver')).toMatchObject({ sub: 'ann', slot: 0 });
    await eventually(
      async () => ann.motion(Uint8Array.of(1, 2, 3)),
      () => guest.units.length > 0,
    );
    expect(guest.units.length).toBeGreaterThan(0);
    expect(await mod.request({ t: 'moderate', action: 'unseat', sub: 'ann' })).toMatchObject(done);
    expect(await guest.heard('left')).toMatchObject({ slot: 0 });
    expect(await ann.request({ t: 'publish' })).toMatchObject({ t: 'error', code: 'not_permitted' });
    expect(ann.end).toBeUndefined();
  });

  it('kicks: the session ends, and the person may come back', async () => {
    const mod = await moderator();
    const ann = await viewer('ann');
    const other = await viewer('bob');
    expect(await mod.request({ t: 'moderate', action: 'kick', sub: 'ann', reason: 'spoilers' })).toMatchObject(done);
    expect(await ann.ended()).toMatchObject({ closeCode: 303, reason: 'spoilers' });
    expect((await viewer('ann')).end).toBeUndefined();
    expect(other.end).toBeUndefined();
    const entries = await eventually(
      () => store.audit({ room, afterId: 0, limit: 10 }),
      (rows) => rows.length > 0,
    );
    expect(entries).toMatchObject([
      { via: 'session', actor: 'mod', action: 'kick', target: 'ann', detail: 'spoilers' },
    ]);
  });

  it('bans: sessions end, and nobody gets in with that sub, until it is unbanned', async () => {
    const mod = await moderator();
    const sessions = [await viewer('ann'), await viewer('ann')];
    expect(await mod.request({ t: 'moderate', action: 'ban', sub: 'ann', seconds: 3600 })).toMatchObject(done);
    for (const session of sessions) expect(await session.ended()).toMatchObject({ closeCode: 304 });
    const again = await rig.connect();
    await again.open({ t: 'hello', v: 1, token: await rig.token({ room, sub: 'ann', roles: ['viewer'] }) });
    expect(await again.ended()).toMatchObject({ closeCode: 304 });
    expect(await store.bans(room, undefined, 10)).toMatchObject([{ subject: 'ann', by: 'mod' }]);
    expect(await mod.request({ t: 'moderate', action: 'unban', sub: 'ann' })).toMatchObject(done);
    expect((await viewer('ann')).end).toBeUndefined();
  });

  it('closes the room, and lets nobody in', async () => {
    const mod = await moderator();
    const ann = await viewer('ann');
    await mod.raw({ t: 'moderate', id: 1, action: 'close' });
    for (const client of [mod, ann]) expect(await client.ended()).toMatchObject({ closeCode: 302 });
    const again = await rig.connect();
    await again.open({ t: 'hello', v: 1, token: await rig.token({ room, roles: ['viewer'] }) });
    expect(await again.ended()).toMatchObject({ closeCode: 302 });
  });

  it('refuses what a moderator asks wrongly, and what nobody but one may', async () => {
    const mod = await moderator();
    const ann = await viewer('ann');
    const answer = (client: TestClient, fields: object) =>
      client.request({ t: 'moderate', action: 'mute', ...fields } as Parameters<TestClient['request']>[0]);
    expect(await answer(ann, { sub: 'mod' })).toMatchObject({ t: 'error', code: 'not_permitted' });
    expect(await answer(mod, { sub: 'nobody' })).toMatchObject({ t: 'error', code: 'no_such_member' });
    expect(await answer(mod, {})).toMatchObject({ t: 'error', code: 'invalid_argument' });
    expect(await answer(mod, { sub: 'mod' })).toMatchObject({ t: 'error', code: 'not_permitted' });
    expect(await answer(mod, { action: 'delete', n: 4711 })).toMatchObject({ t: 'error', code: 'no_such_comment' });
    expect([mod.end, ann.end]).toEqual([undefined, undefined]);
  });

  it('takes a new token in the session, and ends the session whose token is over', async () => {
    const mod = await moderator();
    // A token that is over, within the leeway of 5 s.
    const [kept, ended] = [await viewer('ann', { ttlSeconds: -3 }), await viewer('bob', { ttlSeconds: -3 })];
    const token = await rig.token({ room, sub: 'ann', roles: ['viewer', 'liver'] });
    const before = await kept.request({ t: 'refresh', token: await rig.token({ room, sub: 'bob' }) });
    expect(before).toMatchObject({ t: 'error', code: 'token_invalid' });
    const other = await kept.request({ t: 'refresh', token: await rig.token({ room: 'other', sub: 'ann' }) });
    expect(other).toMatchObject({ t: 'error', code: 'token_invalid' });
    const late = await rig.token({ room, sub: 'ann', ttlSeconds: -60 });
    expect(await kept.request({ t: 'refresh', token: late })).toMatchObject({ t: 'error', code: 'token_expired' });
    const access = await kept.request({ t: 'refresh', token });
    expect(access).toMatchObject({ t: 'access', roles: ['liver', 'viewer'] });
    expect((access as Extract<RelayMessage, { t: 'access' }>).permissions).toContain('publish');
    expect(await ended.ended()).toMatchObject({ closeCode: 202 });
    expect(await kept.request({ t: 'publish' })).toMatchObject({ t: 'publishing' });
    expect(mod.end).toBeUndefined();
  });

  it.for([
    ['was cut', (session: TestClient) => rig.cut?.(session)],
    // It heard nothing of the relay for too long, and the way back was open all the same.
    ['was given up by the client', ({ session }: TestClient) => session.close({ closeCode: 601, reason: 'silent' })],
  ] as const)('resumes a session whose connection %s', async ([how, lose], { skip }) => {
    if (how === 'was cut' && !rig.cut) skip('this body cannot cut a connection');
    const mod = await moderator();
    const ann = await rig.connect();
    const first = await ann.hello(await rig.token({ room, sub: 'ann', roles: ['viewer'] }));
    expect(first.resumed).toBeUndefined();
    await mod.request({ t: 'presence', on: true });
    await ann.request({ t: 'speak', want: true });
    await mod.request({ t: 'moderate', action: 'grant', sub: 'ann' });
    await ann.request({ t: 'publish' });
    lose(ann);
    const again = await rig.connect();
    const welcome = await again.hello(await rig.token({ room, sub: 'ann', roles: ['viewer'] }), first.resume);
    expect(welcome).toMatchObject({ resumed: true, livers: [{ slot: 0, sub: 'ann' }] });
    expect(welcome.permissions).toContain('publish');
    expect(await again.request({ t: 'publish' })).toMatchObject({ t: 'publishing', slot: 0, gen: 2 });
    expect(await (await fetch(rig.relay.metricsAddress)).text()).toMatch(/^hayate_sessions_resumed_total [1-9]/m);
    // Nobody heard of it.
    expect(JSON.stringify(news(mod, 'presence'))).not.toContain('"left":["ann"]');
    const third = await rig.connect();
    expect(await third.hello(await rig.token({ room, sub: 'ann' }), first.resume)).not.toHaveProperty('resumed');
    const forged = await rig.connect();
    const wrong = Buffer.from(welcome.resume!, 'base64url').fill(0, 20, 24).toString('base64url');
    expect(await forged.hello(await rig.token({ room, sub: 'ann' }), wrong)).not.toHaveProperty('resumed');
  });

  it('does not end a session that does not read for the news it misses, and tells it the newest later', async () => {
    const small = await body.start({ limits: { controlQueueBytes: 70_000 } });
    try {
      const long = (n: number) => ({ sub: `${n}`.padEnd(128, '疾'), name: `${n}`.padEnd(64, '風') });
      await Promise.all(Array.from({ length: 64 }, (_, n) => small.join({ ...long(n), roles: ['viewer'] })));
      const deaf = await small.connect();
      const stream = await deaf.session.openBidirectional();
      const writer = stream.writable.getWriter();
      const say = (message: ClientMessage) => writer.write(encodeMessage(message));
      await say({ t: 'hello', v: 1, token: await small.token({ sub: 'deaf' }) });
      const putOff = async () => {
        const page = await (await fetch(small.relay.metricsAddress)).text();
        return Number(/^hayate_presence_put_off_total (\d+)/m.exec(page)?.[1]);
      };
      // Each is answered with a list of about 40 kB, until the queue is half full.
      let id = 0;
      const count = await eventually(
        async () => {
          if (id < 18) await say({ t: 'presence', id: ++id, on: true });
          return putOff();
        },
        (n) => n > 0,
      );
      expect(count).toBeGreaterThan(0);
      const late = await small.join({ sub: 'late', roles: ['viewer'] });
      expect(deaf.end).toBeUndefined();
      const reader = stream.readable.getReader();
      const messages = new MessageReader({ from: 'relay' });
      for (let newest = false; !newest; ) {
        const { value, done: over } = await reader.read();
        if (over) throw new Error('the session was ended');
        messages.push(value);
        for (let m = messages.next(); m; m = messages.next()) newest ||= JSON.stringify(m).includes('"late"');
      }
      expect([deaf.end, late.end]).toEqual([undefined, undefined]);
    } finally {
      await small.close();
    }
  });

  it('takes gifts only of who may give', async () => {
    const liver = await live(rig, { room: `people-${++rooms}`, sub: 'mio', roles: ['liver'] });
    await liver.openGifts();
    const refused = await liver.gift('no ticket at all');
    expect(refused).toMatchObject({ t: 'error', code: 'not_permitted' });
    const ann = await rig.join({ room: `people-${rooms}`, sub: 'ann', roles: ['viewer'] });
    await ann.openGifts();
    expect(await ann.gift('no ticket at all')).toMatchObject({ t: 'error', code: 'ticket_invalid' });
  });
}
