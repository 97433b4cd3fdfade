import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RelayCandidate, type Watcher, watch } from '@hayate/client';
import { type Engine, openEngine } from '@hayate/engine';
import { mintToken, readSharedKey } from '@hayate/relay';
import { engineConnector } from '@hayate/transport/engine';
import { type RelayProcess, startRelayProcess } from '../lib/relay-process.ts';
import { codeFace, openRawLiver } from './raw-liver.ts';

const FPS = 60;
const VOICE_MS = 20;
const FACE = { face: true, values: new Float32Array(61).fill(0.5) };
/** Clients leave within the first half of it. */
const DRAIN_MS = 2_000;
/** Before and after the event. */
const FLOW_MS = 1_500;
const LIMIT_MS = 8_000;

export interface HandOverOptions {
  /** `drain` (SIGTERM) or `kill` (SIGKILL). */
  how: 'drain' | 'kill';
  runs: number;
  /** Delay one way, ms. */
  link: number;
  /** Relays that the viewer knows: 2, or 1 as the negative control. */
  known: number;
}

/** A relay process with the room's liver on it, who stays to the end: relays of their own do not feed each other. */
interface Stage {
  relay: RelayProcess;
  candidate: RelayCandidate;
  stop(): Promise<void>;
}

/** The longest time without a new frame, and without a new voice packet, while the viewer's relay goes or dies. */
export async function handOver(options: HandOverOptions, log: (text: string) => void) {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-hand-over-'));
  const engine = openEngine();
  const stages: Stage[] = [];
  const frozen: number[] = [];
  let [moved, left, started] = [0, 0, 0];
  const keyFile = join(dir, '0', 'token.key');
  const raise = async () => {
    const n = started++;
    // The first one makes the key.
    const keys = n === 0 ? [] : ['--token-key-file', keyFile];
    return stage(engine, await startRelayProcess(join(dir, `${n}`), ['--drain-ms', `${DRAIN_MS}`, ...keys]), keyFile);
  };
  try {
    stages.push(await raise(), await raise());
    for (let run = 0; run < options.runs; run += 1) {
      const relays = stages.map(({ candidate }) => candidate);
      const url = relays[run % 2]!.url;
      const own = relays.find((relay) => relay.url === url)!;
      const link = { delayMs: options.link };
      const viewer = watch(
        { ...own, token: await token(keyFile, 'ann'), ...(options.known > 1 && { relays }) },
        { connector: engineConnector(engine, { link: { tx: link, rx: link } }) },
      );
      viewer.room.on('moved', () => {
        moved += 1;
      });
      const pause = pauseOf(viewer);
      await viewer.ready;
      // The second relay is tried within 3 s.
      await sleep(FLOW_MS * 2);
      const at = stages.findIndex(({ candidate }) => candidate.url === viewer.room.relay?.url);
      const [victim] = stages.splice(at, 1);
      pause.begin();
      const over = options.how === 'drain' ? victim!.relay.stop() : victim!.relay.kill();
      await pause.end();
      await over;
      frozen.push(pause.longestMs());
      if (viewer.room.relay) left += 1;
      viewer.close();
      await victim!.stop();
      stages.push(await raise());
      log(`run ${run + 1}: ${pause.longestMs().toFixed(0)} ms`);
    }
  } finally {
    for (const each of stages) {
      await each.stop();
      await each.relay.stop();
    }
    await engine.close();
    rmSync(dir, { recursive: true, force: true });
  }
  const sorted = [...frozen].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!);
  return {
    ...options,
    frozen_ms: { p50: at(0.5), p95: at(0.95), max: at(1) },
    each_ms: frozen.map(Math.round),
    handed_over: moved,
    connected_at_the_end: left,
  };
}

async function token(keyFile: string, sub: string): Promise<string> {
  return mintToken(readSharedKey(keyFile), { room: 'r', sub, roles: ['liver', 'viewer'], ttlSeconds: 600 });
}

async function stage(engine: Engine, relay: RelayProcess, keyFile: string): Promise<Stage> {
  const { url, hash } = await relay.tokens('r');
  const still = { delayMs: 0 };
  const to = { url, hash, token: '', liverToken: await token(keyFile, 'mio') };
  const plan = { room: 'r', group: '', body: 'raw', to, viewers: 0, logged: 0, up: still, down: still } as const;
  const liver = await openRawLiver(engine, plan, 0, codeFace([FACE]));
  const nowUs = () => Number(process.hrtime.bigint() / 1000n);
  const face = setInterval(() => liver.motion(FACE, nowUs()), 1000 / FPS);
  const voice = setInterval(() => liver.voice(Uint8Array.of(248, 255, 254), nowUs()), VOICE_MS);
  return {
    relay,
    candidate: { url, certificateHashes: [hash] },
    async stop() {
      clearInterval(face);
      clearInterval(voice);
      await liver.close().catch(() => {});
    },
  };
}

/** The longest pause of frames or voice between `begin` and a while after the session that follows, or the limit. */
function pauseOf(viewer: Watcher) {
  const last = [Number.NaN, Number.NaN];
  let longest = 0;
  const take = (kind: number) => (unit: { receivedMs: number }) => {
    const pauseMs = unit.receivedMs - last[kind]!;
    if (pauseMs > longest) longest = pauseMs;
    last[kind] = unit.receivedMs;
  };
  viewer.onFrame(take(0));
  viewer.onVoice(take(1));
  let url: string | undefined;
  const openMs = () => Math.max(...last.map((ms) => viewer.room.nowUs() / 1000 - ms));
  return {
    begin() {
      url = viewer.room.relay?.url;
      longest = 0;
    },
    async end() {
      const sinceMs = performance.now();
      while (viewer.room.relay === undefined || viewer.room.relay.url === url) {
        if (performance.now() - sinceMs > LIMIT_MS) return;
        await sleep(10);
      }
      await sleep(FLOW_MS);
    },
    /** What has not ended yet counts. */
    longestMs: () => Math.max(longest, openMs()),
  };
}
