import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeBundle, parseBundle, parseTrunk } from '@hayate/codec/bundle';
import { afterEach, expect, test } from 'vitest';
import { issueCertificate, makeAuthority } from './index.ts';
import { describeWithEngine, engine, type Loopback, loopback, nextOf } from './loopback.ts';
import type { DeliveryClass, EngineRoom, EngineSession } from './types.ts';

const nowUs = () => Number(process.hrtime.bigint() / 1000n);

function bundle(sequence: number, kind: 0 | 1 = 0): Uint8Array {
  const unit = { slot: 0, kind, key: true, full: true, sequence, age16: 0, payload: new Uint8Array(60) };
  return encodeBundle({
    alias: 0,
    slots: [{ slot: 0, generation: 0 }],
    baseUs: nowUs(),
    uncertainty16: 0,
    units: [unit],
  });
}

const PROMPT: DeliveryClass = { voice: 1, holdMs: 0, repair: 'since_key', spacingMs: 10, layer: 'all', slots: 255 };

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function keys() {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-trunk-'));
  folders.push(folder);
  const authority = makeAuthority();
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const issue = (relay: string) => {
    const pair = issueCertificate({ authority, names: [`${relay}.relay.hayate`, `${relay}.example.org`] });
    return { cert: file(`${relay}.cert`, pair.cert), key: file(`${relay}.key`, pair.key) };
  };
  return { ca: file('ca.pem', authority.cert), issue };
}

/** Two relays: `near` accepts the trunk, `far` dials it. Each has rooms of its own. */
async function trunk(base: Loopback) {
  const { client: far, server: near } = await base.pair({ limits: { rateCeilingKbps: 20_000 } });
  for (const end of [far, near]) {
    end.setDatagramMode('trunk');
    await expect.poll(async () => (await end.getStats())['trunk_synced']).toBe(1);
  }
  return { far, near };
}

/** A room of `near` with a liver in slot 3, heard in a room of `far` by one viewer. */
async function stage(base: Loopback, ends: { far: EngineSession; near: EngineSession }, n: number) {
  const liver = await base.pair();
  const room = base.server.createRoom({ alias: n + 1 });
  liver.server.setDatagramMode('room');
  await room.publish(liver.server, 3, 9);
  const mirror = base.client.createRoom({ alias: 20_000 + n });
  mirror.feed(ends.far, n + 1, 255);
  room.join(ends.near);
  room.setClass(ends.near, PROMPT);
  return { liver: liver.client, room, mirror };
}

/** Who hears a room of the dialling engine. */
async function audience(base: Loopback, room: EngineRoom) {
  const listener = await base.client.listen({ host: '127.0.0.1', certificate: { selfSigned: {} } });
  const { host, port } = listener.address;
  const hashes = listener.certificateHashes.map((value) => ({ algorithm: 'sha-256' as const, value }));
  const viewer = engine().connect(`https://${host}:${port}/`, { serverCertificateHashes: hashes });
  const heard: { slot: number; generation: number; sequence: number; kind: number; alias: number }[] = [];
  viewer.datagrams.setHandler((data) => {
    if (data[0] !== 1) return;
    const { alias, slots, units } = parseBundle(data);
    for (const { slot, sequence, kind } of units) {
      heard.push({ alias, slot, sequence, kind, generation: slots.find((each) => each.slot === slot)!.generation });
    }
  });
  const [accepted] = await Promise.all([nextOf(listener.sessions), viewer.ready]);
  room.join(accepted);
  await room.getStats();
  return heard;
}

describeWithEngine('a trunk', () => {
  test('both ends know each other by certificates of one authority, and nobody else gets in', async () => {
    const { ca, issue } = keys();
    const base = await loopback({ certificate: issue('tyo'), clientCa: ca, paths: ['/trunk'] });
    const dial = { rootsPem: ca, identity: issue('chi'), serverName: 'tyo.relay.hayate' };
    const url = `${base.url}/trunk`;
    const session = base.client.connect(url, dial);
    const accepted = await base.accept();
    await session.ready;
    expect(accepted.peerNames).toEqual(['chi.relay.hayate', 'chi.example.org']);
    expect(session.peerNames[0]).toBe('tyo.relay.hayate');
    expect(session.peerCertificate!.byteLength).toBeGreaterThan(200);
    const foreign = keys();
    const { identity: _, ...nameless } = dial;
    for (const bad of [nameless, { ...dial, identity: foreign.issue('chi') }, { ...dial, rootsPem: foreign.ca }]) {
      const refused = base.client.connect(url, bad);
      await expect(refused.closed).rejects.toMatchObject({ code: 'certificate' });
    }
    expect(() => issueCertificate({ authority: { key: 'no key' }, names: ['a'] })).toThrow(
      expect.objectContaining({ code: 'bad_certificate' }),
    );
  });

  test('without certificates there is none to be seen', async () => {
    const base = await loopback();
    const { client, server } = await base.pair();
    expect([client.peerCertificate, server.peerCertificate]).toEqual([undefined, undefined]);
    expect([client.peerNames, server.peerNames]).toEqual([[], []]);
  });

  test('a room of one relay is heard in a room of the other, each unit once, repeats or not', async () => {
    const base = await loopback({ limits: { rateCeilingKbps: 20_000 } });
    const ends = await trunk(base);
    const { liver, room, mirror } = await stage(base, ends, 0);
    const heard = await audience(base, mirror);
    for (let n = 0; n < 5; n += 1) liver.datagrams.send(bundle(n, 1));
    await expect.poll(() => heard.length).toBe(5);
    expect(heard.map((unit) => unit.sequence)).toEqual([0, 1, 2, 3, 4]);
    expect(heard[0]).toEqual({ alias: 20_000, slot: 3, generation: 9, sequence: 0, kind: 1 });
    const slot = () => mirror.getSlotStats(3);
    await expect.poll(async () => (await slot())['duplicate']).toBe(5);
    expect(await slot()).toMatchObject({ received: 5, lost: 0, synced: 1 });
    expect(await room.getStats()).toMatchObject({ repair_units_out: 5 });
    expect(heard).toHaveLength(5);
    // The feed ends: nothing comes any more.
    mirror.feed(ends.far, 1, 0);
    await mirror.getStats();
    liver.datagrams.send(bundle(5, 1));
    await expect.poll(async () => (await ends.far.getStats())['refused_not_fed']).toBeGreaterThan(0);
    expect(heard).toHaveLength(5);
  });

  test('rooms share datagrams, and what alone would not need one leaves as it is', async () => {
    const base = await loopback({ limits: { trunkFlushMs: 200, rateCeilingKbps: 20_000 } });
    const ends = await trunk(base);
    const rooms = [];
    for (let n = 0; n < 4; n += 1) rooms.push(await stage(base, ends, n));
    const before = await ends.near.getStats();
    // Four leave no more than one at once and one behind it.
    for (const { liver } of rooms) liver.datagrams.send(bundle(0));
    for (const { mirror } of rooms) await expect.poll(async () => (await mirror.getSlotStats(3))['received']).toBe(1);
    const after = await ends.near.getStats();
    const grown = (name: string) => after[name]! - before[name]!;
    expect(grown('trunk_bundles_out')).toBeGreaterThanOrEqual(4);
    expect(grown('trunk_datagrams_out')).toBeLessThan(grown('trunk_bundles_out'));
  });

  test('after a pause nothing waits for others', async () => {
    const base = await loopback({ limits: { trunkFlushMs: 60_000 } });
    const { client, server } = await base.pair();
    const seen: number[] = [];
    client.datagrams.setHandler((data) => seen.push(data[1]!));
    server.setDatagramMode('trunk');
    const room = base.server.createRoom({ alias: 7 });
    room.join(server);
    room.send(Uint8Array.of(1, 7));
    await expect.poll(() => seen).toEqual([7]);
    // Control: what comes right after it waits.
    room.send(Uint8Array.of(1, 8));
    await expect.poll(async () => (await server.getStats())['trunk_bundles_out']).toBe(2);
    expect((await server.getStats())['trunk_datagrams_out']).toBe(1);
    expect(seen).toEqual([7]);
  });

  test('what leaves is a datagram of type 6 with bundles as a viewer would get them', async () => {
    const base = await loopback({ limits: { trunkFlushMs: 200 } });
    const { client, server } = await base.pair();
    const seen: Uint8Array[] = [];
    client.datagrams.setHandler((data) => seen.push(Uint8Array.from(data)));
    server.setDatagramMode('trunk');
    const rooms = [7, 8].map((alias) => base.server.createRoom({ alias }));
    for (const room of rooms) room.join(server);
    // The first one leaves alone, at once.
    rooms[0]!.send(Uint8Array.of(1, 9));
    await expect.poll(() => seen.length).toBe(1);
    for (const room of rooms) room.send(Uint8Array.of(1, room.alias));
    await expect.poll(() => seen.find((data) => data[0] === 6)).toBeDefined();
    expect(parseTrunk(seen.find((data) => data[0] === 6)!)).toEqual([Uint8Array.of(1, 7), Uint8Array.of(1, 8)]);
  });

  test('a feed takes aliases and masks that exist, and sessions of its engine', async () => {
    const base = await loopback();
    const room = base.server.createRoom({ alias: 1 });
    const { server, client } = await base.pair();
    for (const [alias, slots] of [
      [-1, 1],
      [2 ** 30, 1],
      [1, 256],
      [1, 0.5],
    ] as const) {
      expect(() => room.feed(server, alias, slots)).toThrow(/alias below/);
    }
    expect(() => room.feed(client, 1, 1)).toThrow(/not one of this engine/);
    server.close();
    room.feed(server, 1, 1);
  });
});
