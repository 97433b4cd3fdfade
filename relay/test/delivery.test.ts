import { packBundles, UNIT_KIND, UnitSender } from '@hayate/codec/bundle';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bodies, type Rig } from './bodies.ts';
import type { TestClient } from './client.ts';
import { bytes } from './scene.ts';

const engine = bodies.find(({ name }) => name === 'engine')!;
const FRAME_MS = 20;

let rig: Rig;
beforeAll(async () => {
  // So much budget that a busy machine's own delays do not matter.
  if (!engine.missing) rig = await engine.start({ rooms: { budgetMs: 300 } });
});
afterAll(() => rig?.close());

/** Sends a voice packet each 20 ms, captured as it is due, until stopped. */
function speak(liver: TestClient): () => void {
  const sender = new UnitSender();
  const startUs = liver.session.nowUs();
  let n = 0;
  const timer = setInterval(() => {
    for (; startUs + n * FRAME_MS * 1000 <= liver.session.nowUs(); n++) {
      const captureUs = Math.round(startUs + (n - 1) * FRAME_MS * 1000);
      const unit = sender.unit(UNIT_KIND.voice, bytes(n & 0xff, 1, 2), captureUs, true);
      for (const bundle of packBundles([unit])) liver.session.sendDatagram(bundle);
    }
  }, 5);
  return () => clearInterval(timer);
}

/** Mean voice packets a datagram of those that come from now on. */
async function perDatagram(viewer: TestClient, datagrams: number): Promise<number> {
  const from = viewer.bundles.length;
  await viewer.until(() => viewer.bundles.length >= from + datagrams, `${datagrams} datagrams`);
  const units = viewer.bundles.slice(from).reduce((sum, { units: { length } }) => sum + length, 0);
  return units / (viewer.bundles.length - from);
}

it('lets voice packets share datagrams once a viewer only listens, and answers a comment at once', async ({ skip }) => {
  if (engine.missing) return skip(engine.missing);
  const liver = await rig.join();
  await liver.raw({
    t: 'publish',
    id: 1,
    voice: { codec: 'opus', sampleRate: 48_000, channels: 1, frameMs: FRAME_MS },
  });
  await liver.heard('publishing');
  const [fan, quiet] = [await rig.join(), await rig.join()];
  for (const viewer of [fan, quiet]) await viewer.request({ t: 'watch' });
  const stop = speak(liver);
  try {
    // Who just came is in conversation.
    expect(await perDatagram(quiet, 50)).toBeLessThan(1.3);
    await fan.openComments();
    const sharing = async () => (await rig.relay.stats()).delivery.classes.filter(({ voice }) => voice > 1);
    await expect.poll(async () => (await sharing())[0]?.viewers, { timeout: 30_000, interval: 100 }).toBe(2);
    // In steps that a playout can follow.
    await expect.poll(() => perDatagram(quiet, 20), { timeout: 30_000 }).toBeGreaterThan(2.5);
    await fan.comment('hello');
    await expect.poll(async () => (await sharing())[0]?.viewers).toBe(1);
    expect(await perDatagram(fan, 50)).toBeLessThan(1.3);
    // A machine that is busy costs a datagram now and then its third packet.
    await expect.poll(() => perDatagram(quiet, 20), { timeout: 30_000 }).toBeGreaterThan(2.5);
    const sequences = quiet.units.map(({ sequence }) => sequence & 0xff);
    expect(sequences.every((sequence, n) => n === 0 || sequence === ((sequences[n - 1]! + 1) & 0xff))).toBe(true);
  } finally {
    stop();
  }
}, 60_000);
