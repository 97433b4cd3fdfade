import { encodeMessage } from '@hayate/codec/messages';
import type { BidirectionalStream } from '@hayate/transport';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryCommunityStore } from './community/memory.ts';
import type { Command } from './room/types.ts';
import type { RelayStats } from './src/index.ts';
import { type Body, bodies, ORIGIN, type Rig } from './test/bodies.ts';
import type { TestClient } from './test/client.ts';
import { bytes, eventually, live, watching } from './test/scene.ts';

for (const body of bodies) {
  if (body.missing) it(`refusals over ${body.name}`, ({ skip }) => skip(body.missing));
  else describe(`refusals over ${body.name}`, () => suite(body));
}

/** What remembers that the token of this `jti` was revoked. */
async function revoking(jti: string): Promise<MemoryCommunityStore> {
  const store = new MemoryCommunityStore();
  const entry = { atMs: 1, room: null, via: 'api', actor: 'app', action: 'revoke', target: jti, detail: null } as const;
  const revocation = { kind: 'token', jti, by: 'app', reason: '', atMs: 1, untilMs: Date.now() + 3_600_000 } as const;
  await store.record(entry, { do: 'revoke', revocation });
  return store;
}

/** The relay may have ended the session before the write is through. */
async function write(stream: BidirectionalStream, data: Uint8Array): Promise<void> {
  await stream.writable
    .getWriter()
    .write(data)
    .catch(() => {});
}

/** Names of the two planes for the same thing. */
const BEFORE_WELCOME = ['refused_before_welcome', 'dropped_refused_unauthorised'];
const GARBAGE = ['refused_unknown_type', 'refused_not_publishing'];

function count({ plane }: RelayStats, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + (plane[name] ?? 0), 0);
}

function suite(body: Body): void {
  let rig: Rig;
  let liver: TestClient;
  let viewer: TestClient;
  let mod: TestClient;
  let sent = 0;
  beforeAll(async () => {
    rig = await body.start({ rooms: { maxViewers: 260 } }, { community: await revoking('stolen') });
    mod = await rig.join({ room: 'witness', sub: 'mod', roles: ['moderator'] });
    liver = await live(rig, { room: 'witness' });
    viewer = await watching(rig, { room: 'witness' });
  });

  afterAll(() => rig?.close());

  /** Media flows while `misbehave` runs, and goes on for who watches. Units may be lost: where cores are short they expire. */
  async function nothingElseNotices(misbehave: () => Promise<void>): Promise<void> {
    const publish = () => liver.motion(bytes(sent++ & 0xff));
    const timer = setInterval(publish, 5);
    try {
      await misbehave();
      const after = sent;
      publish();
      await viewer.until(() => viewer.units.some(({ sequence }) => sequence >= after), `a unit from ${after} on`);
    } finally {
      clearInterval(timer);
    }
    const came = new Set(viewer.units.map(({ sequence }) => sequence)).size;
    // Not more than half: of the first two one may be lost.
    expect(came).toBeGreaterThanOrEqual(Math.floor(sent / 2));
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
    [
      'a revoked token',
      204,
      'token_revoked',
      async (c) => c.open({ t: 'hello', v: 1, token: await rig.token({ room: 'witness', jti: 'stolen' }) }),
    ],
    [
      'a banned person',
      304,
      'banned',
      async (c) => {
        await mod.request({ t: 'moderate', action: 'ban', sub: 'banished' });
        await c.open({ t: 'hello', v: 1, token: await rig.token({ room: 'witness', sub: 'banished' }) });
      },
    ],
    [
      'a room that was closed',
      302,
      'room_closed',
      async (c) => {
        const host = await rig.join({ room: 'closing', roles: ['moderator'] });
        await host.raw({ t: 'moderate', id: 1, action: 'close' });
        await host.ended();
        await c.open({ t: 'hello', v: 1, token: await rig.token({ room: 'closing' }) });
      },
    ],
    ['an empty token', 200, 'token_missing', async (c) => c.open({ t: 'hello', v: 1, token: '' })],
    ['another message first', 200, 'token_missing', async (c) => c.open({ t: 'watch', id: 1 })],
    ['no role', 203, 'not_permitted', async (c) => c.open({ t: 'hello', v: 1, token: await rig.token({ roles: [] }) })],
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
          await write(stream, bytes(40));
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
    expect((await rig.relay.stats()).refused[code]).toBeGreaterThan(before);
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
      'somebody who is kicked',
      303,
      'kicked',
      async (c) => {
        const { sub } = await c.heard('welcome');
        await mod.request({ t: 'moderate', action: 'kick', sub });
      },
    ],
    [
      'a token that ends',
      202,
      'token_expired',
      async (c) => {
        const { sub } = await c.heard('welcome');
        await c.request({
          t: 'refresh',
          token: await rig.token({ room: 'witness', sub, ttlSeconds: -3, roles: ['viewer'] }),
        });
      },
    ],
    [
      'a stream that begins with nothing known',
      100,
      'protocol_error',
      async (c) => {
        const stream = await c.session.openBidirectional();
        await write(stream, encodeMessage({ t: 'watch', id: 1 }));
      },
    ],
  ];

  it.each(afterWelcome)('%s: close code %i', async (_, closeCode, code, misbehave) => {
    const before = (await rig.relay.stats()).refused[code] ?? 0;
    await nothingElseNotices(async () => {
      const client = await rig.join({ room: 'witness', roles: ['viewer'] });
      await misbehave(client);
      expect(await client.ended()).toMatchObject({ closeCode });
    });
    expect((await rig.relay.stats()).refused[code]).toBe(before + 1);
  });

  type Answer = (c: TestClient, sub: string) => Promise<unknown>;
  const moderate = (more: Partial<Command>) => mod.request({ t: 'moderate', action: 'mute', ...more });
  const speak = async (n: number) =>
    (await rig.join({ room: 'asking', sub: `asks-${n}`, roles: ['viewer'] })).request({ t: 'speak', want: true });
  const answers: [string, string, boolean, Answer][] = [
    ['publishing without the permission', 'not_permitted', false, (c) => c.request({ t: 'publish' })],
    ['moderating without it', 'not_permitted', false, (c) => c.request({ t: 'moderate', action: 'slow', seconds: 1 })],
    [
      'a token of somebody else',
      'token_invalid',
      false,
      async (c) => c.request({ t: 'refresh', token: await rig.token({ room: 'witness' }) }),
    ],
    ['muting nobody', 'no_such_member', false, () => moderate({ sub: 'nobody' })],
    ['muting without saying whom', 'invalid_argument', false, () => moderate({})],
    ['deleting what is not kept', 'no_such_comment', false, () => moderate({ action: 'delete', n: 99_999 })],
    [
      'a comment of somebody who is muted',
      'muted',
      false,
      async (c, sub) => {
        await moderate({ sub, seconds: 60 });
        await c.openComments();
        return c.comment('hello?');
      },
    ],
    [
      'two comments in slow mode',
      'slow_mode',
      true,
      async (c) => {
        await c.openComments();
        await moderate({ action: 'slow', seconds: 60 });
        await c.comment('one');
        const second = await c.comment('two');
        await moderate({ action: 'slow', seconds: 0 });
        return second;
      },
    ],
    [
      'a 33rd who asks to speak',
      'rate_limited',
      true,
      async () => {
        await Promise.all(Array.from({ length: 32 }, (_, n) => speak(n)));
        return speak(32);
      },
    ],
  ];

  it.each(answers)('%s: answered with %s', async (_, code, retryable, ask) => {
    const before = (await rig.relay.stats()).refused[code] ?? 0;
    await nothingElseNotices(async () => {
      const client = await rig.join({ room: 'witness', roles: ['viewer'] });
      const { sub } = await client.heard('welcome');
      expect(await ask(client, sub)).toMatchObject({ t: 'error', code, retryable });
      expect(await client.request({ t: 'watch' })).toMatchObject({ t: 'done' });
    });
    expect((await rig.relay.stats()).refused[code]).toBe(before + 1);
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

  it('garbage of a viewer: dropped and counted', async () => {
    const before = count(await rig.relay.stats(), GARBAGE);
    await nothingElseNotices(async () => {
      const guest = await watching(rig, { room: 'witness' });
      guest.session.sendDatagram(bytes(0x77, 1, 2, 3));
      guest.session.sendDatagram(bytes(1, 2, 3));
      const stats = await eventually(
        () => rig.relay.stats(),
        (s) => count(s, GARBAGE) >= before + 2,
      );
      expect(count(stats, GARBAGE)).toBe(before + 2);
      expect(guest.end).toBeUndefined();
      guest.session.close();
    });
  });

  it('datagrams before welcome: dropped and counted', async () => {
    const before = count(await rig.relay.stats(), BEFORE_WELCOME);
    await nothingElseNotices(async () => {
      const early = await rig.connect();
      let sent = 0;
      const stats = await eventually(
        () => {
          // A busy machine's transport leaves out what would come late.
          sent += 1;
          early.session.sendDatagram(bytes(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
          return rig.relay.stats();
        },
        (s) => count(s, BEFORE_WELCOME) > before,
      );
      expect(count(stats, BEFORE_WELCOME)).toBeLessThanOrEqual(before + sent);
      expect(early.end).toBeUndefined();
      early.session.close();
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
      expect((await small.relay.stats()).refused['overloaded']).toBe(1);
    } finally {
      await small.close();
    }
  });
}
