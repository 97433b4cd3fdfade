import { describe, expect, test } from 'vitest';
import { EngineImpl } from './engine.ts';
import { type FakeNative, fakeNative } from './fake-native.ts';
import type { EngineListener, EngineSession } from './types.ts';

// The engine over a test double of the addon: tests play the events.

function start(): { engine: EngineImpl; native: FakeNative } {
  let native!: FakeNative;
  const engine = new EngineImpl((wake) => {
    native = fakeNative(wake);
    return native;
  });
  return { engine, native };
}

const URL_V1 = 'https://127.0.0.1:4433/v1';

test('commands of a batch, and of what events cause, reach the engine in one go', () => {
  const { engine, native } = start();
  engine.batch(() => engine.batch(() => engine.createRoom({ alias: 1 })));
  expect(native.calls.map(([name]) => name)).toEqual(['hold', 'roomCreate', 'release']);
  const failing = () =>
    engine.batch(() => {
      throw new Error('of the caller');
    });
  expect(failing).toThrow('of the caller');
  expect(native.of('release')).toHaveLength(2);
});

function dialled(url = URL_V1) {
  const { engine, native } = start();
  const session = engine.connect(url);
  return { engine, native, session, id: session.id };
}

function opened() {
  const d = dialled();
  d.engine.sessionReady(d.id, 1100, undefined);
  return d;
}

async function accepted() {
  const { engine, native } = start();
  const listener = await engine.listen({ host: '127.0.0.1', certificate: { selfSigned: {} } });
  const endpoint = (listener as unknown as { endpoint: number }).endpoint;
  engine.sessionIncoming(endpoint, 100, '127.0.0.1:5000', '/v1', 'https://a.example', undefined);
  const reader = listener.sessions.getReader();
  const session = (await reader.read()).value as EngineSession;
  return { engine, native, listener, endpoint, reader, session };
}

const dialHosts = (native: FakeNative) => native.of('connect').map(([c]) => (c as { host: string }).host);
const keptAlive = (native: FakeNative) => native.of('keepAlive').at(-1)?.[0] ?? false;

describe('connect', () => {
  test('ready, then the size of datagrams', async () => {
    const { session } = opened();
    await session.ready;
    expect(session.datagrams.maxDatagramSize).toBe(1100);
  });

  test.each([
    ['refused', 404, { code: 'refused_path', status: 404, retryable: false }],
    ['refused', 403, { code: 'refused_origin', status: 403, retryable: false }],
    ['refused', 503, { code: 'refused_load', status: 503, retryable: true }],
    ['refused', 500, { code: 'refused', status: 500 }],
    ['certificate', 0, { code: 'certificate', message: 'why', retryable: false }],
    ['timed_out', 0, { code: 'timeout', retryable: true }],
    ['transport', 0x101, { code: 'connect_failed', transportCode: 0x101, message: 'why' }],
    ['reset', 0, { code: 'connect_failed', retryable: true }],
  ] as const)('%s %i before it was open', async (kind, code, expected) => {
    const { engine, session, id } = dialled();
    engine.sessionClosed(id, kind, code, kind === 'refused' ? '' : 'why');
    await expect(session.ready).rejects.toMatchObject(expected);
    await expect(session.closed).rejects.toMatchObject(expected);
  });

  test.each(['timed_out', 'transport', 'reset'] as const)('%s afterwards is connection_lost', async (kind) => {
    const { engine, session, id } = opened();
    engine.sessionClosed(id, kind, 0, '');
    await expect(session.closed).rejects.toMatchObject({ code: 'connection_lost', retryable: true });
  });

  test('localhost is tried on 127.0.0.1, then on ::1', async () => {
    const { engine, native, session, id } = dialled('https://localhost:4433/v1');
    expect(dialHosts(native)).toEqual(['127.0.0.1']);
    engine.sessionClosed(id, 'timed_out', 0, '');
    expect(dialHosts(native)).toEqual(['127.0.0.1', '::1']);
    engine.sessionReady(session.id, 1100, undefined);
    await session.ready;
  });

  test('an answer of the server is final', async () => {
    const { engine, native, session, id } = dialled('https://localhost:4433/v1');
    engine.sessionClosed(id, 'refused', 404, '');
    await expect(session.ready).rejects.toMatchObject({ code: 'refused_path' });
    expect(dialHosts(native)).toEqual(['127.0.0.1']);
  });

  test('IPv6 literals', () => {
    const { native } = dialled('https://[::1]:4433/v1');
    expect(native.of('connect')[0]![0]).toMatchObject({ host: '::1', port: 4433, url: 'https://[::1]:4433/v1' });
  });

  test('a name that does not resolve', async () => {
    const { engine } = start();
    const session = engine.connect('https://no-such-name.invalid/');
    await expect(session.ready).rejects.toMatchObject({ code: 'dns_failed', retryable: true });
  });

  test.each(['http://127.0.0.1/', 'nonsense', 'https://127.0.0.1/#fragment'])('not a URL for it: %s', (url) => {
    expect(() => start().engine.connect(url)).toThrow(expect.objectContaining({ code: 'bad_url' }));
  });

  test('each session has a socket of its own unless told otherwise', () => {
    const { engine, native } = start();
    engine.connect(URL_V1);
    engine.connect(URL_V1);
    engine.connect(URL_V1, { socketGroup: 3 });
    const groups = native.of('connect').map(([c]) => (c as { socketGroup: number }).socketGroup);
    expect(new Set(groups).size).toBe(3);
    engine.connect(URL_V1, { socketGroup: 3 });
    expect(native.of('connect').at(-1)![0]).toMatchObject({ socketGroup: groups[2] });
    // A socket has one family.
    engine.connect('https://[::1]:4433/', { socketGroup: 3 });
    expect(native.of('connect').at(-1)![0]).not.toMatchObject({ socketGroup: groups[2] });
  });
});

describe('closing', () => {
  test('by the peer: closed resolves with its code and reason', async () => {
    const { engine, session, id } = opened();
    engine.sessionClosed(id, 'peer', 203, 'not permitted');
    expect(await session.closed).toEqual({ closeCode: 203, reason: 'not permitted' });
  });

  test('by us: at once; the second close and the late answer of the engine change nothing', async () => {
    const { engine, native, session, id } = opened();
    session.close({ closeCode: 7, reason: 'bye' });
    session.close({ closeCode: 8 });
    expect(await session.closed).toEqual({ closeCode: 7, reason: 'bye' });
    engine.sessionClosed(id, 'peer', 9, '');
    expect(await session.closed).toEqual({ closeCode: 7, reason: 'bye' });
    expect(native.of('closeSession')).toEqual([[id, 7, 'bye']]);
  });

  test('before it was open: ready rejects, closed resolves', async () => {
    const { native, session, id } = dialled();
    const stream = session.createBidirectionalStream();
    session.close({ closeCode: 1 });
    await expect(session.ready).rejects.toMatchObject({ code: 'closed' });
    await expect(stream).rejects.toMatchObject({ code: 'closed' });
    expect(await session.closed).toEqual({ closeCode: 1, reason: '' });
    expect(native.of('closeSession')).toEqual([[id, 1, '']]);
  });

  test('while a name is resolved: nothing is dialled', async () => {
    const { engine, native } = start();
    const session = engine.connect('https://no-such-name.invalid/');
    session.close();
    expect(await session.closed).toEqual({ closeCode: 0, reason: '' });
    await expect.poll(() => keptAlive(native)).toBe(false);
    expect(native.of('connect')).toEqual([]);
  });

  test('a long reason is cut at 1024 bytes, between characters', async () => {
    const { session } = opened();
    session.close({ reason: 'あ'.repeat(400) });
    expect((await session.closed).reason).toBe('あ'.repeat(341));
  });

  test('draining', async () => {
    const { engine, session, id } = opened();
    engine.sessionDraining(id);
    await session.draining;
  });

  test('everything settles: streams, openings, readers, statistics', async () => {
    const { engine, session, id } = opened();
    engine.streamIncoming(id, 1, true);
    const incoming = (await session.incomingBidirectionalStreams.getReader().read()).value!;
    const opening = session.createUnidirectionalStream();
    const read = incoming.readable.getReader().read();
    const writer = incoming.writable.getWriter();
    await writer.write(Uint8Array.of(1));
    const close = writer.close();
    const uni = session.incomingUnidirectionalStreams.getReader().read();
    const datagram = session.datagrams.readable.getReader().read();
    const outcome = Promise.allSettled([opening, read, close, uni, datagram]);
    await new Promise((resolve) => setImmediate(resolve));
    engine.sessionClosed(id, 'timed_out', 0, '');
    for (const o of await outcome) {
      expect(o).toMatchObject({ status: 'rejected', reason: { code: 'connection_lost' } });
    }
    await expect(session.getStats()).rejects.toMatchObject({ code: 'closed' });
  });

  test('a clean end ends the streams of streams', async () => {
    const { engine, session, id } = opened();
    const reader = session.incomingBidirectionalStreams.getReader();
    engine.sessionClosed(id, 'peer', 0, '');
    expect((await reader.read()).done).toBe(true);
  });
});

describe('streams of a session', () => {
  test('opening waits for the session, then for the engine', async () => {
    const { engine, native, session, id } = dialled();
    const opening = session.createBidirectionalStream({ sendOrder: 20 });
    expect(native.of('openStream')).toEqual([]);
    engine.sessionReady(id, 1100, undefined);
    await expect.poll(() => native.of('openStream')).toEqual([[id, 1, true, 20, 0]]);
    engine.streamOpened(id, 1, 8);
    const { readable, writable } = await opening;
    await writable.getWriter().write(Uint8Array.of(1));
    expect(native.of('streamWrite')).toEqual([[id, 8, Uint8Array.of(1), false]]);
    engine.streamData(id, 8, Uint8Array.of(2), true);
    expect((await readable.getReader().read()).value).toEqual(Uint8Array.of(2));
  });

  test('options that the engine cannot keep are refused before a stream is opened', async () => {
    const { native, session } = opened();
    await expect(session.createBidirectionalStream({ repeatMs: 300 })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    expect(native.of('openStream')).toEqual([]);
  });

  test('incoming streams that nobody wants any more are refused', async () => {
    const { engine, native, session, id } = opened();
    await session.incomingUnidirectionalStreams.cancel();
    engine.streamIncoming(id, 3, false);
    await expect.poll(() => native.of('streamStop')).toEqual([[id, 3, 0]]);
  });

  test('modes and limits set before it is open are sent when it is', () => {
    const { engine, native, session, id } = dialled();
    session.setDatagramMode('room');
    session.setStreamLimits({ bidi: 3, uni: 1 });
    expect(native.of('setDatagramMode')).toEqual([]);
    engine.sessionReady(id, 1100, undefined);
    expect(native.of('setDatagramMode')).toEqual([[id, 2]]);
    expect(native.of('setStreamLimits')).toEqual([[id, 3, 1]]);
  });
});

describe('listener', () => {
  test('an accepted session is open and knows what was asked', async () => {
    const { session } = await accepted();
    await session.ready;
    expect(session).toMatchObject({ path: '/v1', origin: 'https://a.example', remoteAddress: '127.0.0.1:5000' });
  });

  test('close ends its sessions and waits for the engine', async () => {
    const { engine, native, listener, endpoint, reader, session } = await accepted();
    let done = false;
    const close = listener.close().then(() => {
      done = true;
    });
    expect(await session.closed).toEqual({ closeCode: 0, reason: 'the listener closed' });
    expect((await reader.read()).done).toBe(true);
    engine.sessionClosed(100, 'local', 0, '');
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    engine.listenerGone(endpoint);
    await close;
    await listener.close();
    expect(native.of('stopListening')).toEqual([[endpoint, true]]);
    await expect(listener.getStats()).rejects.toMatchObject({ code: 'closed' });
  });

  test('drain keeps the sessions', async () => {
    const { native, listener, endpoint } = await accepted();
    listener.drain();
    expect(native.of('stopListening')).toEqual([[endpoint, false]]);
  });

  test('new hashes call back', async () => {
    const { engine, listener, endpoint } = await accepted();
    const seen: Uint8Array[][] = [];
    listener.onCertificates((hashes) => seen.push(hashes));
    engine.certificateChanged(endpoint, [new Uint8Array(32)]);
    expect(seen).toEqual([[new Uint8Array(32)]]);
    expect(listener.certificateHashes).toEqual(seen[0]);
  });
});

describe('rooms', () => {
  async function room() {
    const a = await accepted();
    return { ...a, room: a.engine.createRoom({ alias: 5 }) };
  }

  test('publish resolves at the sync of its own generation', async () => {
    const { engine, native, room: r, session } = await room();
    const id = native.of('roomPublish');
    const publishing = r.publish(session, 2, 9);
    const roomId = (r as unknown as { id: number }).id;
    expect(id.length === 0 && native.of('roomPublish')).toEqual([[roomId, 100, 2, 9]]);
    engine.roomSynced(roomId, 2, 8, 1, 1);
    engine.roomSynced(roomId, 2, 9, -50, 300);
    expect(await publishing).toEqual({ offsetUs: -50, uncertaintyUs: 300 });
  });

  test.each([
    ['the session closes', ({ session }: { session: EngineSession }) => session.close()],
    ['the slot is unpublished', ({ room: r }: { room: { unpublish(slot: number): void } }) => r.unpublish(2)],
    ['the room closes', ({ room: r }: { room: { close(): void } }) => r.close()],
    ['the listener closes', ({ listener }: { listener: EngineListener }) => void listener.close()],
  ])('publish rejects when %s', async (_, end) => {
    const a = await room();
    const publishing = a.room.publish(a.session, 2, 9);
    end(a as never);
    await expect(publishing).rejects.toMatchObject({ code: 'closed' });
  });

  test('classes go as numbers, members come by token', async () => {
    const { engine, native, room: r, session } = await room();
    const roomId = (r as unknown as { id: number }).id;
    const delivery = { voice: 3, holdMs: 46.4, repair: 'since_key', spacingMs: 30, layer: 'keys', slots: 5 } as const;
    r.setClass(session, delivery);
    expect(native.of('roomSetClass')).toEqual([[roomId, 100, 3, 46, 2, 30, 1, 5, 0]]);
    for (const wrong of [
      { voice: 0 },
      { voice: 1.5 },
      { holdMs: 256 },
      { spacingMs: -1 },
      { repair: 'twice' },
      { layer: '' },
      { slots: 256 },
      { patient: -1 },
    ]) {
      const set = () => r.setClass(session, { ...delivery, ...wrong } as never);
      expect(set).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
    const stats = r.getMemberStats();
    const [token, of, id] = native.of('stats')[0] as number[];
    expect([of, id]).toEqual([5, roomId]);
    engine.members(token! + 1, []);
    const row = { session: 100, delivery } as never;
    engine.members(token!, [row]);
    expect(await stats).toEqual([row]);
    session.close();
    r.setClass(session, delivery);
    expect(native.of('roomSetClass')).toHaveLength(1);
    const waiting = r.getMemberStats();
    const refused = expect(waiting).rejects.toMatchObject({ code: 'closed' });
    engine.sessionClosed(100, 'local', 0, '');
    await engine.close();
    await refused;
  });

  test('sessions of another engine are refused, closed ones ignored', async () => {
    const { native, room: r, session } = await room();
    expect(() => r.join(opened().session)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    session.close();
    r.join(session);
    r.leave(session);
    expect([...native.of('roomJoin'), ...native.of('roomLeave')]).toEqual([]);
  });
});

describe('the engine', () => {
  test('keeps the process alive while something is open, sessions that say goodbye too', async () => {
    const { engine, native, session, id } = dialled();
    expect(keptAlive(native)).toBe(true);
    session.close();
    expect(keptAlive(native)).toBe(true);
    engine.sessionClosed(id, 'local', 0, '');
    expect(keptAlive(native)).toBe(false);
    const listener = await engine.listen({ host: '127.0.0.1', certificate: { selfSigned: {} } });
    expect(keptAlive(native)).toBe(true);
    const close = listener.close();
    expect(keptAlive(native)).toBe(true);
    engine.listenerGone((listener as unknown as { endpoint: number }).endpoint);
    await close;
    expect(keptAlive(native)).toBe(false);
  });

  test('close settles everything, waits for goodbyes, and only once', async () => {
    const { engine, native, session, id } = opened();
    const room = engine.createRoom({ alias: 1 });
    const publishing = room.publish(session, 0, 0);
    const statistics = engine.getStats();
    const refused = Promise.all([
      expect(publishing).rejects.toMatchObject({ code: 'closed' }),
      expect(statistics).rejects.toMatchObject({ code: 'closed' }),
    ]);
    const close = engine.close();
    expect(engine.close()).toBe(close);
    expect(native.of('shutdown')).toEqual([]);
    engine.sessionClosed(id, 'local', 0, '');
    await close;
    await refused;
    expect(await session.closed).toEqual({ closeCode: 0, reason: '' });
    expect(native.of('shutdown')).toHaveLength(1);
    expect(keptAlive(native)).toBe(false);
    expect(() => engine.connect(URL_V1)).toThrow(expect.objectContaining({ code: 'closed' }));
    await expect(engine.getStats()).rejects.toMatchObject({ code: 'closed' });
  });

  test('close does not wait for ever for an engine that does not answer', async () => {
    const { engine, native } = opened();
    await engine.close();
    expect(native.of('shutdown')).toHaveLength(1);
  });
});
