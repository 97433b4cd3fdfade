import { existsSync, readFileSync } from 'node:fs';
import { connectRoom, publish, type WatchedFrame, watch } from '@hayate/client';
import { createFaceDecoder, faceConfig, type MotionFrame, parseLiveLinkCsv } from '@hayate/codec/motion';
import { engineAvailable } from '@hayate/engine';
import { beforeEach, describe, expect, it } from 'vitest';
import { type ClusterRig, startCluster } from './cluster-rig.ts';

const MOTION = { fps: 60, unmerged: true };
const { tolerance } = createFaceDecoder(faceConfig(MOTION));
/** A person's, where the machine has it. */
const RECORDING = new URL('../../shared/data/motion/llv_dao.csv', import.meta.url);
const FRAMES = 180;

function frames(): MotionFrame[] {
  if (existsSync(RECORDING)) {
    const lines = readFileSync(RECORDING, 'utf8').split('\n');
    return [...parseLiveLinkCsv(lines)].slice(0, FRAMES).map(({ frame }) => frame);
  }
  const values = (n: number) => Float32Array.from({ length: 61 }, (_, i) => (i < 52 ? ((n * 7 + i) % 100) / 100 : 0));
  return Array.from({ length: FRAMES }, (_, n) => ({ face: true, values: values(n) }));
}

async function until(done: () => boolean, what: string, ms = 15_000): Promise<void> {
  const giveUp = performance.now() + ms;
  while (!done()) {
    if (performance.now() > giveUp) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const available = engineAvailable();

describe.skipIf(!available.ok)('four relays of two regions', () => {
  let rig: ClusterRig;
  beforeEach(async () => {
    rig = await startCluster({ jp: 2, us: 2 });
    return () => rig.close();
  });

  const live = async (id: string, sub: string) => {
    const target = rig.target(id, { sub, roles: ['liver', 'viewer'] });
    const publisher = publish(target, { connector: rig.connector, motion: MOTION });
    await publisher.ready;
    return publisher;
  };
  const watching = async (id: string, sub = `viewer of ${id}`) => {
    const watcher = watch(rig.target(id, { sub }), { connector: rig.connector });
    const seen: WatchedFrame[] = [];
    watcher.onFrame((unit) => {
      seen.push({ ...unit, frame: { face: unit.frame.face, values: unit.frame.values.slice() } });
    });
    await watcher.ready;
    return { watcher, seen };
  };
  /** Sends a recording at its pace. Gives the instant at which each frame was captured. */
  const play = async (publisher: Awaited<ReturnType<typeof live>>, recording: readonly MotionFrame[]) => {
    const begin = publisher.room.nowUs();
    for (const [n, frame] of recording.entries()) {
      const captureUs = begin + Math.round((n * 1_000_000) / MOTION.fps);
      while (publisher.room.nowUs() < captureUs) await new Promise((resolve) => setTimeout(resolve, 1));
      publisher.motion(frame, captureUs);
    }
  };
  const expectExact = (seen: readonly WatchedFrame[], sent: readonly MotionFrame[]) => {
    for (const { sequence, frame } of seen) {
      const wanted = sent[sequence]!;
      expect(frame.face).toBe(wanted.face);
      if (!wanted.face) continue;
      const beyond = frame.values.findIndex((value, i) => Math.abs(value - wanted.values[i]!) > tolerance[i]!);
      expect(beyond, `channel of frame ${sequence}`).toBe(-1);
    }
  };

  it('bring a liver of either region to viewers of all, exact and with a lag', { timeout: 60_000 }, async () => {
    const sent = frames();
    const mio = await live('jp-1', 'mio');
    const [near, far, far2] = [await watching('jp-2'), await watching('us-1'), await watching('us-2')];
    const joe = await live('us-2', 'joe');
    const home = await watching('jp-1');
    await until(() => [near, far, far2, home].every(({ watcher }) => watcher.room.livers.size === 2), 'both livers');
    await Promise.all([play(mio, sent), play(joe, sent)]);
    const slots = [mio, joe].map((publisher) => publisher.slot!);
    expect(new Set(slots).size).toBe(2);
    const of = (seen: readonly WatchedFrame[], slot: number) => seen.filter((unit) => unit.slot === slot);
    for (const { watcher, seen } of [near, far, far2, home]) {
      for (const slot of slots) {
        await until(() => of(seen, slot).some(({ sequence }) => sequence === FRAMES - 1), `the last frame of ${slot}`);
        const units = of(seen, slot);
        expect(new Set(units.map(({ sequence }) => sequence)).size).toBe(FRAMES);
        expectExact(units, sent);
        const lags = units.filter(({ backlog }) => !backlog).map(({ lagMs }) => lagMs).sort((a, b) => a - b);
        expect(lags[lags.length >> 1]).toBeGreaterThan(0);
        expect(lags[lags.length >> 1]).toBeLessThan(100);
      }
      watcher.close();
    }
    await Promise.all([mio.close(), joe.close()]);
  });

  it('bring comments of each to all, with one count', { timeout: 60_000 }, async () => {
    const ids = ['jp-1', 'jp-2', 'us-1', 'us-2'];
    const rooms = ids.map((id) => connectRoom(rig.target(id, { sub: `of ${id}` }), { connector: rig.connector }));
    const heard = rooms.map((room) => {
      const texts: [number, string][] = [];
      room.on('comment', ({ number, text }) => texts.push([number, text]));
      return texts;
    });
    await Promise.all(rooms.map((room) => room.ready));
    for (const [n, room] of rooms.entries()) {
      const { number } = await room.comment(`comment ${n + 1}`);
      expect(number).toBe(n + 1);
    }
    const all = ids.map((_, n) => [n + 1, `comment ${n + 1}`]);
    for (const texts of heard) await until(() => texts.length === all.length, 'all comments');
    for (const texts of heard) expect(texts).toEqual(all);
    for (const room of rooms) room.close();
  });

  it('bring nothing across without a trunk', { timeout: 30_000 }, async () => {
    const mio = await live('jp-1', 'mio');
    const far = await watching('us-1');
    await until(() => far.watcher.room.livers.size === 1, 'the liver');
    await rig.kill('jp-1');
    const before = far.seen.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(far.seen.length).toBe(before);
    far.watcher.close();
    mio.room.close();
  });
});
