import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { encodeBundle, parseBundle } from '@hayate/codec/bundle';
import { expect, test } from 'vitest';
import { describeWithEngine, engine, type Loopback, loopback } from './loopback.ts';
import type { EngineSession } from './types.ts';

const nowUs = () => Number(process.hrtime.bigint() / 1000n);

function motionBundle(sequence: number, captureUs = nowUs(), kind: 0 | 1 = 0): Uint8Array {
  const unit = {
    slot: 0,
    kind,
    key: true,
    full: true,
    sequence,
    age16: 0,
    payload: Uint8Array.of(1, 2, 3),
  };
  return encodeBundle({
    alias: 0,
    slots: [{ slot: 0, generation: 0 }],
    baseUs: captureUs,
    uncertainty16: 0,
    units: [unit],
  });
}

/** A room with one publisher in slot 2 and some viewers that note what they hear. */
async function stage(base: Loopback, viewers: number) {
  const room = base.server.createRoom({ alias: 5 });
  const publisher = await base.pair();
  publisher.server.setDatagramMode('room');
  const toJavaScript: number[] = [];
  publisher.server.datagrams.setHandler((d) => toJavaScript.push(d[0]!));
  const synced = await room.publish(publisher.server, 2, 9);
  const audience: { session: EngineSession; server: EngineSession; heard: Uint8Array[] }[] = [];
  for (let i = 0; i < viewers; i += 1) {
    const { client, server } = await base.pair();
    const heard: Uint8Array[] = [];
    client.datagrams.setHandler((d) => {
      // Bundles only: probes and heartbeats come as well.
      if (d[0] === 1) heard.push(new Uint8Array(d));
    });
    room.join(server);
    audience.push({ session: client, server, heard });
  }
  // Commands are carried out in order: once an answer is here, so are the members.
  expect(await room.getStats()).toMatchObject({ members: viewers });
  return { room, publisher, synced, audience, toJavaScript };
}

describeWithEngine('rooms over loopback', () => {
  test('a bundle reaches every member, rewritten, and no JavaScript of the server', async () => {
    const { room, publisher, synced, audience, toJavaScript } = await stage(await loopback(), 3);
    // One machine, one clock.
    expect(Math.abs(synced.offsetUs)).toBeLessThanOrEqual(synced.uncertaintyUs + 1);
    publisher.client.datagrams.send(motionBundle(0));
    publisher.client.datagrams.send(motionBundle(1));
    for (const { heard } of audience) {
      await expect.poll(() => heard.length).toBe(2);
      const bundle = parseBundle(heard[0]!);
      expect(bundle).toMatchObject({ alias: 5, slots: [{ slot: 2, generation: 9 }] });
      expect(bundle.units[0]).toMatchObject({ slot: 2, sequence: 0, payload: Uint8Array.of(1, 2, 3) });
    }
    expect(toJavaScript).toEqual([]);
    expect(await room.getSlotStats(2)).toMatchObject({ received: 2, lost: 0 });
  });

  test('a class of patient slots comes back as it was set, and means nothing where it cannot', async () => {
    const { room, audience } = await stage(await loopback(), 1);
    const { server } = audience[0]!;
    const delivery = { voice: 1, holdMs: 26, repair: 'none', spacingMs: 0, layer: 'all', slots: 255 } as const;
    const given = async (patient: number, more: object = {}) => {
      room.setClass(server, { ...delivery, patient, ...more });
      return (await room.getMemberStats()).find(({ session }) => session === server.id)!.delivery;
    };
    expect(await given(0b100)).toEqual({ ...delivery, patient: 0b100 });
    expect(await given(0b100, { voice: 2 })).toEqual({ ...delivery, voice: 2, patient: 0 });
    expect(await given(0)).toEqual({ ...delivery, holdMs: 0, patient: 0 });
  });

  test('a class holds voice and motion for one datagram, and repeats them in a later one', async () => {
    const { room, publisher, audience } = await stage(await loopback(), 2);
    const [direct, held] = [audience[0]!, audience[1]!];
    const delivery = {
      voice: 2,
      holdMs: 200,
      repair: 'repeat',
      spacingMs: 5,
      layer: 'all',
      slots: 0b1111,
      patient: 0,
    } as const;
    room.setClass(held.server, delivery);
    const members = await room.getMemberStats();
    expect(members.find((m) => m.session === held.server.id)).toMatchObject({ delivery, dropped: 0, queueBytes: 0 });
    const first = members.find((m) => m.session === direct.server.id)!;
    expect(first.delivery).toEqual({
      voice: 1,
      holdMs: 0,
      repair: 'none',
      spacingMs: 0,
      layer: 'all',
      slots: 255,
      patient: 0,
    });
    expect(first.minRttMs).toBeGreaterThan(0);
    expect(first.minRttMs).toBeLessThan(1000);
    for (const [sequence, kind] of [
      [0, 1],
      [0, 0],
      [1, 1],
    ] as const) {
      publisher.client.datagrams.send(motionBundle(sequence, nowUs(), kind));
    }
    await expect.poll(() => direct.heard.length).toBe(3);
    await expect.poll(() => held.heard.length).toBe(2);
    const units = held.heard.map((data) => parseBundle(data).units.map((u) => [u.kind, u.sequence]));
    expect(units.map((list) => list.toSorted())).toEqual([
      [
        [0, 0],
        [1, 0],
        [1, 1],
      ],
      [
        [0, 0],
        [1, 0],
        [1, 1],
      ],
    ]);
    expect(await room.getStats()).toMatchObject({
      members_2: 1,
      units_out_2: 3,
      repair_units_out: 3,
      dropped_stale: 0,
    });
    const after = await room.getMemberStats();
    const sent = (id: number) =>
      after.find((m) => m.session === id)!.datagramsOut - members.find((m) => m.session === id)!.datagramsOut;
    expect([sent(direct.server.id), sent(held.server.id)]).toEqual([3, 2]);
  });

  test('who left hears no more; one opaque datagram reaches the others', async () => {
    const { room, publisher, audience } = await stage(await loopback(), 2);
    const [stays, leaves] = [audience[0]!, audience[1]!];
    room.leave(leaves.server);
    // A turn of the engine reads sockets before it obeys: the answer tells that the leave is done.
    await room.getStats();
    publisher.client.datagrams.send(motionBundle(0));
    await expect.poll(() => stays.heard.length).toBe(1);
    room.send(Uint8Array.of(1, 42));
    await expect.poll(() => stays.heard.length).toBe(2);
    expect(stays.heard[1]).toEqual(Uint8Array.of(1, 42));
    expect(leaves.heard).toEqual([]);
  });

  test('an old capture time is refused and counted, and nobody hears it', async () => {
    const { room, publisher, audience } = await stage(await loopback(), 1);
    publisher.client.datagrams.send(motionBundle(0, nowUs() - 2_000_000));
    publisher.client.datagrams.send(motionBundle(1));
    await expect.poll(() => audience[0]!.heard.length).toBe(1);
    const stats = await room.getSlotStats(2);
    const refused = Object.entries(stats).filter(([name, n]) => name.startsWith('refused_') && n > 0);
    expect(refused).toEqual([['refused_capture_time_out_of_range', 1]]);
  });

  test('a publisher whose session ends: publish rejects, the slot is free for the next', async () => {
    const base = await loopback();
    const room = base.server.createRoom({ alias: 1 });
    const gone = await base.pair();
    const publishing = room.publish(gone.server, 0, 0);
    gone.server.close();
    await expect(publishing).rejects.toMatchObject({ code: 'closed' });
    const next = await base.pair();
    next.server.setDatagramMode('room');
    await room.publish(next.server, 0, 1);
  });

  test("viewers' acknowledgements wait for the next datagram, and no round trip looks longer for it", async () => {
    const base = await loopback();
    const { room, publisher, audience } = await stage(base, 2);
    const [first] = audience;
    for (const { server } of audience) server.setDatagramMode('room');
    // Sparser than acknowledgements are delayed by, so each comes alone.
    const GAP_MS = 90;
    for (let n = 0; n < 12; n += 1) {
      publisher.client.datagrams.send(motionBundle(n));
      await new Promise((resolve) => setTimeout(resolve, GAP_MS));
    }
    await expect.poll(() => first!.heard.length).toBe(12);
    expect((await base.server.getStats())['packets_deferred']).toBeGreaterThan(4);
    for (const { rttMs } of await room.getMemberStats()) expect(rttMs).toBeLessThan(GAP_MS / 2);
  });

  test('a stalled JavaScript thread does not stop forwarding', async () => {
    const base = await loopback();
    const room = base.server.createRoom({ alias: 1 });
    const viewer = engine().connect(`${base.url}/v1`, base.trust);
    room.join(await base.accept());
    await viewer.ready;
    // Arrival at the viewer's socket, told by its engine, and at JavaScript.
    const heard: { sequence: number; arrivedUs: number; seenUs: number }[] = [];
    viewer.datagrams.setHandler((d, arrivedUs) => {
      if (d[0] === 1) heard.push({ sequence: parseBundle(d).units[0]!.sequence, arrivedUs, seenUs: nowUs() });
    });
    const sent = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(new URL('./room-publisher.ts', import.meta.url), {
      workerData: {
        url: `${base.url}/v1`,
        hash: base.listener.certificateHashes[0],
        bundles: 100,
        sent: sent.buffer,
      },
    });
    const exit = once(worker, 'exit');
    const publisher = await base.accept();
    publisher.setDatagramMode('room');
    await room.publish(publisher, 0, 0);
    await expect.poll(() => heard.length, { interval: 10 }).toBeGreaterThan(10);
    // Stalls for 20 bundles, however long a busy machine takes for them, and 100 ms for the last one's way.
    const stallUs = nowUs();
    const until = Atomics.load(sent, 0) + 20;
    while (Atomics.load(sent, 0) < until && nowUs() < stallUs + 10_000_000);
    const sentUs = nowUs();
    while (nowUs() < sentUs + 100_000);
    const goesOnUs = nowUs();
    await exit;
    const last = () => heard.some(({ seenUs }) => seenUs > goesOnUs);
    await expect.poll(last, { interval: 10 }).toBe(true);
    // Were JavaScript on the way, they would arrive after the stall, or be seen within it.
    const within = (us: number) => us > stallUs && us < goesOnUs;
    expect(heard.filter(({ arrivedUs }) => within(arrivedUs)).length).toBeGreaterThan(3);
    expect(heard.filter(({ seenUs }) => within(seenUs))).toEqual([]);
    const sequences = heard.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
  });
});
