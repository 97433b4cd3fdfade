import type { Route } from '@hayate/codec/messages';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Body, bodies, type Rig } from './bodies.ts';
import type { TestClient } from './client.ts';
import { bytes, eventually, live, watching } from './scene.ts';

for (const body of bodies) {
  if (body.missing) it(`relay over ${body.name}`, ({ skip }) => skip(body.missing));
  else describe(`relay over ${body.name}`, () => suite(body));
}

function suite(body: Body): void {
  let rig: Rig;
  beforeAll(async () => {
    rig = await body.start({ rooms: { lingerMs: 1500, emptyMs: 0, maxViewers: 260 } });
  });
  afterAll(() => rig?.close());

  it('carries units from a liver to a viewer, key first for one who comes late', async () => {
    const liver = await live(rig, { room: 'flow', sub: 'ann', name: 'Ann' });
    const early = await watching(rig, { room: 'flow' });
    expect((await early.heard('welcome')).livers).toMatchObject([{ slot: 0, gen: 1, sub: 'ann', name: 'Ann' }]);
    for (let n = 0; n < 20; n++) liver.motion(bytes(n, 1, 2));
    await early.until(() => early.units.length === 20, '20 units');
    expect(early.units.map((u) => u.payload[0])).toEqual(Array.from({ length: 20 }, (_, n) => n));
    const late = await watching(rig, { room: 'flow' });
    await late.until(() => late.units.length > 0, 'the cached key');
    expect(late.units[0]).toMatchObject({ key: true, full: true, sequence: 19 });
    expect(late.bundles[0]).toMatchObject({ slots: [{ slot: 0, generation: 1 }] });
    expect(late.bundles[0]!.alias).toBe((await late.heard('welcome')).alias);
    expect(liver.units).toEqual([]);
  });

  it('delivers nothing without a publisher, nor to another room (negative control)', async () => {
    const liver = await live(rig, { room: 'busy' });
    const elsewhere = await watching(rig, { room: 'quiet' });
    const here = await watching(rig, { room: 'busy' });
    liver.motion(bytes(1));
    await here.until(() => here.units.length === 1, 'the unit');
    await elsewhere.until(() => elsewhere.heartbeats > 0, 'a heartbeat');
    expect(elsewhere.units).toEqual([]);
  });

  it('reports to the publisher each second', async () => {
    const liver = await live(rig, { room: 'report' });
    for (let n = 0; n < 10; n++) liver.motion(bytes(n));
    await liver.until(() => liver.messages.some((m) => m.t === 'uplink' && m.received === 10), 'uplink');
    const report = liver.messages.find((m) => m.t === 'uplink' && m.received === 10);
    expect(report).toMatchObject({ lost: 0, duplicate: 0, refused: {} });
  });

  it('tells who asks how the media gets there, and why', async () => {
    const liver = await live(rig, { room: 'route' });
    const viewer = await watching(rig, { room: 'route' });
    const told = () => viewer.request({ t: 'route' }) as Promise<Route>;
    let answer: Route;
    for (let n = 0; ; n += 1) {
      liver.motion(bytes(n));
      answer = await eventually(told, () => true);
      if ((answer.slots[0]?.lagMs && answer.delivery) || n > 40) break;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(answer).toMatchObject({
      ...{ t: 'route', slots: [{ slot: 0, loss: 0 }] },
      delivery: { voice: 1, repair: 'none', layer: 'all', why: 'conversation', level: 0 },
    });
    const { p50, p99 } = answer.slots[0]!.lagMs!;
    expect(p50).toBeGreaterThanOrEqual(0);
    expect(p99).toBeGreaterThanOrEqual(p50);
    expect(answer).not.toHaveProperty('relay');
    // Who does not watch is not decided for.
    expect(await liver.request({ t: 'route' })).not.toHaveProperty('delivery');
  });

  it('carries comments to those who opened the stream, in order, and limits the rate', async () => {
    const [a, b] = [await rig.join({ room: 'talk', sub: 'a', name: 'A' }), await rig.join({ room: 'talk', sub: 'b' })];
    await a.openComments();
    await b.openComments();
    // The answer to one's own comment shows that the relay knows the stream.
    expect(await b.comment('first')).toMatchObject({ t: 'done' });
    expect(await a.comment('こんにちは')).toMatchObject({ t: 'done' });
    await b.until(() => b.posted().length === 2, 'two comments');
    expect(b.posted()).toMatchObject([
      { n: 1, sub: 'b', text: 'first' },
      { n: 2, sub: 'a', name: 'A', text: 'こんにちは' },
    ]);
    const answers = [];
    for (let n = 0; n < 6; n++) answers.push(await a.comment(`spam ${n}`));
    expect(answers.at(-1)).toMatchObject({ t: 'error', code: 'rate_limited', retryable: true });
  });

  it('tells a liver who goes at once, keeps one who is lost, and grows the generation', async () => {
    const viewer = await watching(rig, { room: 'linger' });
    const first = await live(rig, { room: 'linger', sub: 'ann' });
    first.session.close({ closeCode: 0, reason: '' });
    expect(await viewer.heard('left')).toMatchObject({ slot: 0, gen: 1 });
    const second = await live(rig, { room: 'linger', sub: 'bob' });
    await viewer.until(() => viewer.messages.some((m) => m.t === 'liver' && m.gen === 2), 'the second');
    // Any code but 0 is what a dying client leaves behind.
    if (rig.cut) rig.cut(second);
    else second.session.close({ closeCode: 601, reason: '' });
    await eventually(
      async () => rig.relay.stats(),
      (s) => s.livers >= 1,
    );
    const third = await live(rig, { room: 'linger', sub: 'bob' });
    expect(await third.heard('publishing')).toMatchObject({ slot: 0, gen: 3 });
    await viewer.until(() => viewer.messages.some((m) => m.t === 'liver' && m.gen === 3), 'the third');
    expect(viewer.messages.filter((m) => m.t === 'left')).toHaveLength(1);
    third.motion(bytes(3));
    await viewer.until(() => viewer.units.length === 1, 'a unit of the third');
    third.session.close({ closeCode: 601, reason: '' });
    await viewer.until(() => viewer.messages.filter((m) => m.t === 'left').length === 2, 'left after the linger');
  });

  it('replaces an older session of the same liver', async () => {
    const viewer = await watching(rig, { room: 'twice' });
    const old = await live(rig, { room: 'twice', sub: 'ann' });
    const fresh = await live(rig, { room: 'twice', sub: 'ann' });
    expect(await old.ended()).toMatchObject({ closeCode: 0 });
    fresh.motion(bytes(7));
    await viewer.until(() => viewer.units.length === 1, 'a unit of the new session');
    expect(viewer.bundles[0]).toMatchObject({ slots: [{ slot: 0, generation: 2 }] });
  });

  it('ends the sessions of a closed room', async () => {
    const member = await rig.join({ room: 'closing' });
    expect(rig.relay.closeRoom('closing')).toBe(true);
    expect(rig.relay.closeRoom('never')).toBe(false);
    expect(await member.ended()).toMatchObject({ closeCode: 302 });
  });

  it('drains: refuses new ones, tells the present ones, waits', async () => {
    const going = await body.start();
    try {
      const polite = await going.join();
      const stubborn = await going.join();
      const silent = await going.connect();
      // Far away: nothing here may depend on how fast the machine is.
      const drained = going.relay.drain({ deadlineMs: 600_000 });
      expect(await polite.heard('draining')).toMatchObject({ deadlineMs: 600_000 });
      expect((await fetch(`${going.relay.httpAddress}/readyz`)).status).toBe(503);
      expect(await silent.ended()).toMatchObject({ closeCode: 501 });
      await expect(going.dial().ready).rejects.toMatchObject({ code: 'connect_failed' });
      polite.session.close();
      await eventually(
        () => going.relay.stats(),
        (s) => s.sessions === 1,
      );
      expect(stubborn.end).toBeUndefined();
      stubborn.session.close();
      await drained;
      expect(await going.relay.stats()).toMatchObject({ sessions: 0, rooms: 0 });
    } finally {
      await going.close();
    }
  });

  it('closes whoever is still there at the deadline of a drain', async () => {
    const going = await body.start();
    try {
      const stubborn = await going.join();
      await going.relay.drain({ deadlineMs: 1 });
      expect(await stubborn.ended()).toMatchObject({ closeCode: 501 });
      expect(await going.relay.stats()).toMatchObject({ sessions: 0, rooms: 0 });
    } finally {
      await going.close();
    }
  });

  it('drains at once when everybody leaves', async () => {
    const going = await body.start();
    try {
      const client = await going.join();
      void client.heard('draining').then(() => client.session.close());
      const since = performance.now();
      await going.relay.drain({ deadlineMs: 60_000 });
      expect(performance.now() - since).toBeLessThan(20_000);
    } finally {
      await going.close();
    }
  });

  it('has no trace of 200 sessions that came and went', async () => {
    const many = await body.start({ rooms: { emptyMs: 0, lingerMs: 500 } });
    try {
      const clients: TestClient[] = [];
      for (let batch = 0; batch < 10; batch++) {
        clients.push(
          ...(await Promise.all(
            Array.from({ length: 20 }, (_, n) => watching(many, { room: `r${batch % 3}`, sub: `s${n}` })),
          )),
        );
      }
      expect(await many.relay.stats()).toMatchObject({ sessions: 200, viewers: 200, rooms: 3 });
      for (const [n, client] of clients.entries()) client.session.close({ closeCode: n % 2 ? 0 : 601, reason: '' });
      const stats = await eventually(
        () => many.relay.stats(),
        (s) => s.sessions === 0 && s.rooms === 0,
      );
      expect(stats).toMatchObject({ sessions: 0, viewers: 0, rooms: 0, livers: 0 });
    } finally {
      await many.close();
    }
  });
}
