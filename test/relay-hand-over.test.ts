import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RelayMove, relaysFrom } from '@hayate/client';
import { createEntry, systemTimers } from '@hayate/client/internal';
import { type Engine, engineAvailable, openEngine } from '@hayate/engine';
import { mintToken, type RunningRelay, readSharedKey, startRelay } from '@hayate/relay';
import { engineConnector } from '@hayate/transport/engine';
import { beforeEach, expect, it } from 'vitest';

const FRAME_MS = 20;
const FACE = { face: true, values: new Float32Array(61).fill(0.5) };

/** Frees the event loop until `done`; the test's own time limit is the deadline. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Clients that leave a draining relay at this share of the first half of its grace. */
const client = (share: number) =>
  createEntry({
    environment: {
      ...systemTimers,
      nowMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
      random: () => share,
    },
    defaultConnector: () => engineConnector(engine),
  });

let engine: Engine;
let relays: RunningRelay[];
let keyFile: string;

beforeEach(async (context) => {
  const available = engineAvailable();
  if (!available.ok) context.skip(available.reason);
  const dir = mkdtempSync(join(tmpdir(), 'hayate-two-relays-'));
  engine = openEngine();
  const free = { listen: { port: 0 }, http: { port: 0 }, metrics: { port: 0 }, api: { port: 0 } };
  const start = (name: string, token: { keyFile?: string }) =>
    startRelay({ dev: true, transport: 'engine', stateDir: join(dir, name), log: { level: 'silent' }, token, ...free });
  const first = await start('a', {});
  keyFile = first.keyFile!;
  relays = [first, await start('b', { keyFile })];
  return async () => {
    await Promise.all(relays.map((relay) => relay.close()));
    await engine.close();
    rmSync(dir, { recursive: true, force: true });
  };
});

/** One liver at both relays, and one viewer who knows `known` of them. */
async function show(known: RunningRelay[]) {
  const token = (sub: string) => () =>
    mintToken(readSharedKey(keyFile), { room: 'r', sub, roles: ['liver', 'viewer'], ttlSeconds: 60 });
  const at = ({ url, certificateHashes }: RunningRelay) => ({ url, certificateHashes });
  const options = { voice: { channels: 1, frameMs: FRAME_MS } } as const;
  // The liver stays as long as it can: relays of their own do not feed each other.
  const livers = relays.map((relay) => client(0.999).publish({ ...at(relay), token: token('mio') }, options));
  await Promise.all(livers.map(({ ready }) => ready));
  let tickMs = performance.now();
  let stalledMs = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    stalledMs = Math.max(stalledMs, nowMs - tickMs - FRAME_MS);
    tickMs = nowMs;
    for (const liver of livers) {
      liver.motion(FACE, liver.room.nowUs());
      liver.voice(Uint8Array.of(248, 255, 254), liver.room.nowUs());
    }
  }, FRAME_MS);
  const viewer = client(0).watch({ ...at(known[0]!), relays: known.map(at), token: token('ann') });
  const moves: RelayMove[] = [];
  viewer.room.on('moved', (move) => moves.push(move));
  const came = { frame: 0, voice: 0 };
  let frozenMs = 0;
  const take = (kind: keyof typeof came) => (unit: { receivedMs: number }) => {
    if (came[kind] > 0) frozenMs = Math.max(frozenMs, unit.receivedMs - came[kind]);
    came[kind] = unit.receivedMs;
  };
  viewer.onFrame(take('frame'));
  viewer.onVoice(take('voice'));
  await until(() => came.frame > 0 && came.voice > 0);
  return {
    viewer,
    moves,
    /** For how long the machine held up what the livers send: no hand-over is to blame for that. */
    stalledMs: () => stalledMs,
    frozenMs: () => Math.max(frozenMs, ...Object.values(came).map((ms) => viewer.room.nowUs() / 1000 - ms)),
    on: () => relays.find(({ url }) => url === viewer.room.relay?.url),
    async close() {
      clearInterval(timer);
      viewer.close();
      await Promise.all(livers.map((liver) => liver.close()));
    },
  };
}

it('a viewer of a relay that drains is at the other before it is gone, without a pause', async () => {
  const { viewer, moves, frozenMs, stalledMs, on, close } = await show(relays);
  const first = on()!;
  const drained = first.drain({ deadlineMs: 4_000 });
  await until(() => moves.length > 0);
  await drained;
  expect(on()).not.toBe(first);
  expect(moves).toMatchObject([{ from: { url: first.url }, reason: { code: 'draining' }, continuous: false }]);
  expect(moves[0]!.overlapMs).toBeGreaterThan(0);
  expect(viewer.room.state).toBe('open');
  expect(frozenMs()).toBeLessThan(200 + 2 * stalledMs());
  await close();
});

it('one that knows of no other has a pause (negative control)', async () => {
  const { viewer, moves, frozenMs, on, close } = await show(relays.slice(0, 1));
  await on()!.drain({ deadlineMs: 1_000 });
  await until(() => viewer.room.state === 'reconnecting' && frozenMs() > 200);
  expect(moves).toEqual([]);
  await close();
});

it('a relay names itself to who asks which there are', async () => {
  const [relay] = relays;
  const { url, certificateHashes } = relay!;
  expect(await relaysFrom(`${relay!.httpAddress}/v1/rooms/r/relays`)()).toEqual([
    { id: 'relay', region: 'local', url, certificateHashes },
  ]);
  const nowhere = `${relay!.httpAddress}/nowhere`;
  await expect(relaysFrom(nowhere)()).rejects.toMatchObject({ code: 'connect_failed' });
  // A fleet that does not answer well is helped out by a relay.
  const ask = relaysFrom({ url: nowhere, token: 'a token' }, `${relay!.httpAddress}/v1/rooms/r/relays`);
  expect(await ask({ left: url })).toHaveLength(1);
});
