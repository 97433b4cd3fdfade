import { publish } from '@hayate/client';
import { DATAGRAM_TYPE, parseBundle } from '@hayate/codec/bundle';
import { engineAvailable, openEngine } from '@hayate/engine';
import { expect, it } from 'vitest';
import { RawSession } from '../lab/lib/raw-session.ts';
import { type ClusterRig, startCluster } from './cluster-rig.ts';

const FRAME_MS = 20;
const OCEAN_MS = 65;
const available = engineAvailable();

/** A liver of one region that speaks without a pause, until stopped. */
async function speaking(rig: ClusterRig, id: string, sub: string) {
  const liver = publish(rig.target(id, { sub, roles: ['liver', 'viewer'] }), {
    connector: rig.connector,
    voice: { channels: 1, frameMs: FRAME_MS },
  });
  await liver.ready;
  let dueUs = liver.room.nowUs();
  const timer = setInterval(() => {
    for (; dueUs <= liver.room.nowUs(); dueUs += FRAME_MS * 1000) {
      liver.voice(new Uint8Array(40).fill(dueUs & 0xff), dueUs - FRAME_MS * 1000);
    }
  }, 4);
  const stop = () => {
    clearInterval(timer);
    return liver.close();
  };
  return { slot: liver.slot!, stop };
}

/** Which livers each datagram to a viewer carries. */
async function watching(rig: ClusterRig, engine: ReturnType<typeof openEngine>, id: string, sub: string) {
  const { url, certificateHashes, token } = rig.target(id, { sub });
  const address = { url, hash: certificateHashes![0]!, token: await (token as () => Promise<string>)() };
  let slots: number[][] = [];
  const session = await RawSession.open(engine, address, { link: {} }, (data) => {
    const units = data[0] === DATAGRAM_TYPE.bundle ? parseBundle(data).units : [];
    if (units.length > 0) slots.push([...new Set(units.map(({ slot }) => slot))].sort());
  });
  session.drain();
  session.send({ t: 'watch', id: 1 });
  return {
    /** Of the next datagrams: the share of those with units of `slot` that carry nobody else's. */
    async alone(slot: number, datagrams = 100): Promise<number> {
      slots = [];
      await expect.poll(() => slots.length, { timeout: 15_000 }).toBeGreaterThanOrEqual(datagrams);
      const its = slots.filter((each) => each.includes(slot));
      return its.filter((each) => each.length === 1).length / its.length;
    },
  };
}

it.skipIf(!available.ok)(
  'what comes of a near liver rides along with what comes of a far one, for who only listens',
  async () => {
    const rig = await startCluster({ jp: 1, us: 1 }, {}, undefined, { oceanMs: OCEAN_MS });
    const engine = openEngine();
    try {
      const far = await speaking(rig, 'jp-1', 'mio');
      const near = await speaking(rig, 'us-1', 'joe');
      const listener = await watching(rig, engine, 'us-1', 'ann');
      const riding = async () => (await rig.relay('us-1').stats()).delivery.riding;
      // Who just came is in conversation.
      expect(await listener.alone(near.slot)).toBeGreaterThan(0.9);
      expect(await riding()).toBe(0);
      await expect.poll(riding, { timeout: 40_000, interval: 200 }).toBe(1);
      // In steps that a playout can follow.
      await expect.poll(() => listener.alone(near.slot), { timeout: 30_000 }).toBeLessThan(0.3);
      // Control: at the same time, whoever came only now gets each unit as it comes.
      const fresh = await watching(rig, engine, 'us-1', 'bo');
      expect(await fresh.alone(near.slot)).toBeGreaterThan(0.9);
      expect(await riding()).toBe(1);
      await Promise.all([far.stop(), near.stop()]);
    } finally {
      await engine.close();
      await rig.close();
    }
  },
  120_000,
);
