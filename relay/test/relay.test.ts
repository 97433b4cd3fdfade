import { encodeMessage } from '@hayate/codec/messages';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Body, bodies, ORIGIN, type Rig } from './bodies.ts';
import type { TestClient } from './client.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

async function live(rig: Rig, options = {}): Promise<TestClient> {
  const client = await rig.join(options);
  expect(await client.request({ t: 'publish' })).toMatchObject({ t: 'publishing' });
  return client;
}

async function watching(rig: Rig, options = {}): Promise<TestClient> {
  const client = await rig.join({ roles: ['viewer'], ...options });
  expect(await client.request({ t: 'watch' })).toMatchObject({ t: 'done' });
  return client;
}

/** What the relay counts, asked until it is so: counters are read from another thread. */
async function eventually<T>(read: () => Promise<T>, matches: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const value = await read();
    if (matches(value) || tries >= 200) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const body of bodies) {
  describe.skipIf(body.missing)(`relay over ${body.name}`, () => {
    suite(body);
  });
  if (body.missing) it(`relay over ${body.name}`, ({ skip }) => skip(body.missing));
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

  describe('refusals', () => {
    let liver: TestClient;
    let viewer: TestClient;
    let sent = 0;
    beforeAll(async () => {
      liver = await live(rig, { room: 'witness' });
      viewer = await watching(rig, { room: 'witness' });
    });

    /** Media flows while `misbehave` runs, and all of it arrives. */
    async function nothingElseNotices(misbehave: () => Promise<void>): Promise<void> {
      const timer = setInterval(() => liver.motion(bytes(sent++ & 0xff)), 5);
      try {
        await misbehave();
      } finally {
        clearInterval(timer);
      }
      liver.motion(bytes(sent++ & 0xff));
      await viewer.until(() => viewer.units.length === sent, `all ${sent} units (${viewer.units.length} came)`);
    }

    const text = (value: string) => new TextEncoder().encode(value);
    const closes: [string, number, string, (c: TestClient) => Promise<void>][] = [
      ['a token of another key', 201, 'token_invalid', async (c) => c.open({ t: 'hello', v: 1, token: 'e30.e30.e30' })],
      [
        'an expired token',
        202,
        'token_expired',
        async (c) => c.open({ t: 'hello', v: 1, token: await rig.token({ room: 'witness', ttlSeconds: -60 }) }),
      ],
      ['an empty token', 200, 'token_missing', async (c) => c.open({ t: 'hello', v: 1, token: '' })],
      ['another message first', 200, 'token_missing', async (c) => c.open({ t: 'watch', id: 1 })],
      [
        'no role',
        203,
        'not_permitted',
        async (c) => c.open({ t: 'hello', v: 1, token: await rig.token({ roles: [] }) }),
      ],
      ['another version', 103, 'unsupported_version', async (c) => c.open({ t: 'hello', v: 9, token: 'x' })],
      ['a long hello', 101, 'message_too_large', async (c) => c.open({ t: 'hello', v: 1, token: 'x'.repeat(5000) })],
      ['garbage on the control stream', 100, 'protocol_error', async (c) => c.open(bytes(3, 0xff, 0xff, 0xff))],
      ['no map', 100, 'protocol_error', async (c) => c.open(bytes(6, 0x65, ...text('hello')))],
      [
        'a second stream before welcome',
        400,
        'too_many_streams',
        async (c) => {
          for (let n = 0; n < 2; n++) {
            const stream = await c.session.openBidirectional();
            await stream.writable.getWriter().write(bytes(40));
          }
        },
      ],
    ];

    it.each(closes)('%s: close code %i', async (_, closeCode, code, misbehave) => {
      const before = (await rig.relay.stats()).refused[code] ?? 0;
      await nothingElseNotices(async () => {
        const client = await rig.connect();
        await misbehave(client);
        expect(await client.ended()).toMatchObject({ closeCode });
      });
      expect((await rig.relay.stats()).refused[code]).toBe(before + 1);
    });

    const afterWelcome: [string, number, string, (c: TestClient) => Promise<void>][] = [
      ['a second hello', 100, 'protocol_error', (c) => c.raw({ t: 'hello', v: 1, token: 'x' })],
      ['a comment on the control stream', 100, 'protocol_error', (c) => c.raw({ t: 'comment', id: 1, text: 'x' })],
      ['garbage after welcome', 100, 'protocol_error', (c) => c.raw(bytes(2, 0xa1, 0xff))],
      ['an announced length over the limit', 101, 'message_too_large', (c) => c.raw(bytes(0x80, 0x01, 0x00, 0x01))],
      [
        'a flood of requests',
        401,
        'rate_limited',
        async (c) => {
          for (let n = 0; n < 100; n++) await c.raw({ t: 'unwatch', id: n });
        },
      ],
      [
        'a stream that begins with nothing known',
        100,
        'protocol_error',
        async (c) => {
          const stream = await c.session.openBidirectional();
          await stream.writable.getWriter().write(encodeMessage({ t: 'watch', id: 1 }));
        },
      ],
    ];

    it.each(afterWelcome)('%s: close code %i', async (_, closeCode, code, misbehave) => {
      const before = (await rig.relay.stats()).refused[code] ?? 0;
      await nothingElseNotices(async () => {
        const client = await rig.join({ room: 'witness' });
        await misbehave(client);
        expect(await client.ended()).toMatchObject({ closeCode });
      });
      expect((await rig.relay.stats()).refused[code]).toBe(before + 1);
    });

    it('publish without the role: an answer, and the session goes on', async () => {
      await nothingElseNotices(async () => {
        const client = await rig.join({ room: 'witness', roles: ['viewer'] });
        expect(await client.request({ t: 'publish' })).toMatchObject({ t: 'error', code: 'not_permitted' });
        expect(await client.request({ t: 'watch' })).toMatchObject({ t: 'done' });
      });
    });

    it('unknown path and foreign origin: no session, a counter by status', async () => {
      await nothingElseNotices(async () => {
        for (const options of [{ path: '/v2' }, { origin: 'https://evil.example' }]) {
          await expect(rig.dial(options).ready).rejects.toMatchObject({ code: 'connect_failed' });
        }
        const good = rig.dial({ origin: ORIGIN });
        await good.ready;
        good.close();
      });
      if (!body.countsStatuses) return;
      const stats = await eventually(
        () => rig.relay.stats(),
        (s) => s.connectRefused['404'] === 1 && s.connectRefused['403'] === 1,
      );
      expect(stats.connectRefused).toMatchObject({ 404: 1, 403: 1 });
    });

    const datagrams: [string, string, (c: TestClient) => void][] = [
      ['capture time far ahead', 'capture_time_out_of_range', (c) => c.motion(bytes(1), -400)],
      ['capture time long ago', 'capture_time_out_of_range', (c) => c.motion(bytes(1), 5000)],
      ['a bundle that does not parse', 'datagram_malformed', (c) => void c.session.sendDatagram(bytes(1, 0, 1, 0))],
      ['an oversized datagram', 'datagram_too_large', (c) => void c.session.sendDatagram(new Uint8Array(1100).fill(1))],
    ];

    it.each(datagrams)('%s: warned of as %s', async (_, code, misbehave) => {
      await nothingElseNotices(async () => {
        const client = await live(rig, { room: 'witness' });
        misbehave(client);
        await client.until(() => client.messages.some((m) => m.t === 'error'), 'the warning');
        expect(await client.heard('error')).toMatchObject({ code, retryable: false });
        const report = client.messages.find((m) => m.t === 'uplink' && m.refused[code] === 1);
        expect(report).toBeDefined();
        expect((await rig.relay.stats()).unitsRefused[code]).toBeGreaterThan(0);
        client.session.close();
      });
    });

    it('datagrams before welcome and garbage of a viewer: dropped and counted', async () => {
      const sum = (flat: Record<string, number>) =>
        Object.entries(flat).reduce((total, [name, n]) => total + (/^(refused|dropped)_/.test(name) ? n : 0), 0);
      const before = sum((await rig.relay.stats()).plane);
      await nothingElseNotices(async () => {
        const early = await rig.connect();
        early.session.sendDatagram(bytes(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
        const guest = await watching(rig, { room: 'witness' });
        guest.session.sendDatagram(bytes(0x77, 1, 2, 3));
        guest.session.sendDatagram(bytes(1, 2, 3));
        const stats = await eventually(
          () => rig.relay.stats(),
          (s) => sum(s.plane) >= before + 3,
        );
        expect(sum(stats.plane)).toBe(before + 3);
        expect(guest.end).toBeUndefined();
        early.session.close();
        guest.session.close();
      });
    });
  });

  it('says nothing for too long: hello_timeout', async () => {
    const strict = await body.start({ limits: { helloMs: 200 } });
    try {
      const client = await strict.connect();
      expect(await client.ended()).toMatchObject({ closeCode: 102 });
      expect((await strict.relay.stats()).refused['hello_timeout']).toBe(1);
    } finally {
      await strict.close();
    }
  });

  it('keeps its limits of rooms and viewers', async () => {
    const small = await body.start({ rooms: { max: 1, maxViewers: 1 } });
    try {
      await watching(small);
      const second = await small.join();
      expect(await second.request({ t: 'watch' })).toMatchObject({ t: 'error', code: 'room_full', retryable: true });
      const other = await small.connect();
      await other.open({ t: 'hello', v: 1, token: await small.token({ room: 'other' }) });
      expect(await other.ended()).toMatchObject({ closeCode: 402 });
    } finally {
      await small.close();
    }
  });

  it('drains: refuses new ones, tells the present ones, waits, then closes the rest', async () => {
    const going = await body.start();
    try {
      const polite = await going.join();
      const stubborn = await going.join();
      const silent = await going.connect();
      const drained = going.relay.drain({ deadlineMs: 2500 });
      expect(await polite.heard('draining')).toMatchObject({ deadlineMs: 2500 });
      expect((await fetch(`${going.relay.httpAddress}/readyz`)).status).toBe(503);
      expect(await silent.ended()).toMatchObject({ closeCode: 501 });
      await expect(going.dial().ready).rejects.toMatchObject({ code: 'connect_failed' });
      polite.session.close();
      expect(stubborn.end).toBeUndefined();
      await drained;
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
    const many = await body.start({ rooms: { emptyMs: 0 } });
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
