import { engineAvailable, openEngine } from '@hayate/engine';
import type { Session } from '@hayate/transport';
import { engineConnector, engineServer } from '@hayate/transport/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NativePlane } from './native.ts';

const available = engineAvailable();

describe.skipIf(!available.ok)('rooms of the engine', () => {
  let engine: ReturnType<typeof openEngine>;
  let plane: NativePlane;
  let pair: () => Promise<{ client: Session; server: Session }>;
  beforeAll(async () => {
    engine = openEngine();
    plane = new NativePlane(engine, { bidi: 4, uni: 0 });
    const certificate = { selfSigned: {} };
    const server = await engineServer(engine, { host: '127.0.0.1', certificate, datagrams: 'refuse' });
    const sessions = server.sessions.getReader();
    const dial = engineConnector(engine);
    pair = async () => {
      const url = `https://127.0.0.1:${server.address.port}/`;
      const client = dial(url, { serverCertificateHashes: server.certificateHashes });
      const [incoming] = await Promise.all([sessions.read(), client.ready]);
      plane.accept();
      plane.admit(incoming.value!.session);
      return { client, server: incoming.value!.session };
    };
  });
  afterAll(() => engine?.close());

  it('tells the members by their sessions, and forgets those that ended', async () => {
    const room = plane.openRoom({ alias: 7, maxAgeMs: 500, maxAheadMs: 20, maxMembers: 10, unitsPerSecond: 0 });
    const [stays, ends, elsewhere] = [await pair(), await pair(), await pair()];
    for (const { server } of [stays, ends]) room.join(server);
    // Longer than the engine holds.
    room.setClass(stays.server, {
      voice: 4,
      holdMs: 400,
      repair: 'since_key',
      spacingMs: 300,
      layer: 'keys',
      slots: 255,
      patient: 0,
    });
    room.setClass(elsewhere.server, {
      voice: 2,
      holdMs: 20,
      repair: 'none',
      spacingMs: 0,
      layer: 'all',
      slots: 255,
      patient: 0,
    });
    const rows = await room.memberStats();
    expect(new Set(rows.map((row) => row.session))).toEqual(new Set([stays.server, ends.server]));
    expect(rows[0]).toMatchObject({ packetsLost: 0, dropped: 0, queueBytes: 0, datagramsOut: expect.any(Number) });
    expect(rows[0]!.minRttMs).toBeGreaterThan(0);
    expect(await room.stats()).toMatchObject({ members_1: 1, members_2: 0, members_4: 1 });
    ends.client.close();
    await ends.server.closed;
    plane.forget(ends.server);
    await expect.poll(async () => (await room.memberStats()).map((row) => row.session)).toEqual([stays.server]);
    room.close();
  });
});
