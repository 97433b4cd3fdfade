import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRoom } from '@hayate/client';
import { openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { openOffice } from '../lib/app-backend.ts';
import { askChild, prefer } from '../lib/children.ts';
import { readMetrics, total } from '../lib/metrics.ts';
import { cpuUs } from '../lib/proc.ts';
import { root } from '../lib/processes.ts';
import { type RelayProcess, startRelayProcess } from '../lib/relay-process.ts';
import { percentiles } from './stream-present.ts';

export interface CommentsOptions {
  /** Offered to the room whose comments are timed. */
  perSecond: number;
  /** Offered to the flooded room. */
  floodPerSecond: number;
  /** Measured seconds of each part and turn. */
  seconds: number;
}

export interface ShownResult {
  link: string;
  offered: number;
  /** Of these, by the fullest viewer. */
  shown: number;
  viewers: number;
  /** From the writer's call to the viewer's event. */
  shown_ms: ReturnType<typeof percentiles>;
}

export interface RoomLag {
  p50: number;
  p95: number;
  p99: number;
  max: number;
  received: number;
  sent: number;
  /** Comments of the viewer who had the most. */
  shown: number;
  missed: number;
  faults: number;
}

interface Written {
  offered: number;
  /** Handed to the network: the rest waits at the flooding side, since the relay does not read it. */
  written: number;
}

export interface FloodTurn extends Written {
  flooded_room: RoomLag;
  other_room: RoomLag;
  /** Taken by the relay in this turn, of all rooms. */
  taken: number;
  refused: number;
  relay_cpu_percent: number;
}

export interface FloodResult {
  limits: string;
  sessions: number;
  calm: FloodTurn[];
  flood: FloodTurn[];
}

export interface CommentsResult extends CommentsOptions {
  shown: ShownResult;
  flood: FloodResult;
  /** The same flood where nothing limits persons or rooms: it was really offered, and limits are what holds. */
  without_limits: FloodResult;
}

const LINK = { delayMs: 20, jitterMs: 5, loss: 0.01 };
const WRITERS = 10;
const READERS = 10;
const FLOODERS = 100;
const TURNS = 3;
const COMMENT = 'so good '.repeat(8);
export const FREE_FLAGS = [
  ...['--comments-per-second', '1000', '--comments-burst', '1000'],
  ...['--comments-room-per-second', '10000', '--comments-room-burst', '10000'],
];

export const spawnLoad = (): ChildProcess =>
  fork(join(root, 'lab', 'bench', 'comments-load.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });

/** A relay with a directory of its own, for as long as `use` takes. */
export async function withRelay<T>(
  flags: string[],
  use: (relay: RelayProcess, stateDir: string) => Promise<T>,
): Promise<T> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-comments-'));
  const relay = await startRelayProcess(stateDir, flags);
  prefer(relay.pid);
  try {
    return await use(relay, stateDir);
  } finally {
    await relay.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** SDK clients, each behind a lossy link of its own. */
function shown({ perSecond, seconds }: CommentsOptions): Promise<ShownResult> {
  return withRelay(FREE_FLAGS, async (relay, stateDir) => {
    const engine = openEngine();
    try {
      const office = await openOffice(stateDir);
      const { url, hash } = await relay.tokens('talk');
      let seed = 1;
      const enter = (sub: string) => {
        seed += 2;
        const link = { tx: { ...LINK, seed }, rx: { ...LINK, seed: seed + 1 } };
        const target = { url, certificateHashes: [hash], token: () => office.token('talk', sub) };
        return connectRoom(target, { connector: engineConnector(engine, { link }) });
      };
      const writers = Array.from({ length: WRITERS }, (_, n) => enter(`writer-${n}`));
      const readers = Array.from({ length: READERS }, (_, n) => enter(`reader-${n}`));
      await Promise.all([...writers, ...readers].map((room) => room.ready));
      const lags: number[] = [];
      const seen = readers.map(() => 0);
      let counting = false;
      for (const [n, room] of readers.entries()) {
        room.on('comment', ({ text }) => {
          if (!counting) return;
          lags.push(performance.now() - Number(text.split(' ')[0]));
          seen[n]! += 1;
        });
      }
      let offered = 0;
      const write = async (forSeconds: number) => {
        const began = performance.now();
        offered = 0;
        for (let passed = 0; passed < forSeconds * 1000; passed = performance.now() - began) {
          for (; offered < (passed / 1000) * perSecond; offered++) {
            const text = `${performance.now()} ${'so good '.repeat(5)}`;
            writers[offered % WRITERS]!.comment(text).catch(() => {});
          }
          await sleep(1);
        }
      };
      // The first ones open streams, compile, and are the burst that is shown whole.
      await write(3);
      counting = true;
      await write(seconds);
      await sleep(500);
      for (const room of [...writers, ...readers]) room.close();
      return {
        link: `${LINK.delayMs} +- ${LINK.jitterMs} ms each way, ${100 * LINK.loss} % loss, on both hops`,
        offered,
        shown: Math.max(...seen),
        viewers: READERS,
        shown_ms: percentiles(lags),
      };
    } finally {
      await engine.close();
    }
  });
}

/** Two rooms with motion; one of them is flooded in every second turn. */
function flood(options: CommentsOptions, flags: string[], turns: number): Promise<FloodResult> {
  const { seconds, floodPerSecond } = options;
  // Nothing to spend: each frame is a datagram that leaves at once, so what grows is the relay's own lag.
  return withRelay(['--rooms-budget-ms', '20', ...flags], async (relay, stateDir) => {
    const [here, there, flooder] = [spawnLoad(), spawnLoad(), spawnLoad()];
    try {
      const office = await openOffice(stateDir);
      const to = { here: await relay.tokens('flooded'), there: await relay.tokens('other') };
      await askChild(here, 'watch', { to: to.here, viewers: 20 });
      await askChild(there, 'watch', { to: to.there, viewers: 20 });
      // They stand in for phones with a processor of their own: what the flooding side computes must not delay them.
      for (const { pid } of [here, there]) prefer(pid ?? 0, -20);
      const { url, hash } = to.here;
      const all = await Promise.all(
        Array.from({ length: FLOODERS }, async (_, n) => ({
          url,
          hash,
          token: await office.token('flooded', `f-${n}`),
        })),
      );
      const counts = async () => {
        const samples = await readMetrics(relay.metrics);
        return { taken: total(samples, 'hayate_comments_total'), refused: total(samples, 'hayate_refused_total') };
      };
      const turn = async (perSecond: number, forSeconds: number): Promise<FloodTurn> => {
        if (perSecond > 0) await askChild(flooder, 'enter', { all });
        const [before, cpu] = [await counts(), cpuUs(relay.pid)];
        const ask = { seconds: forSeconds };
        const [flooded_room, other_room, sent] = await Promise.all([
          askChild<RoomLag>(here, 'lag', ask),
          askChild<RoomLag>(there, 'lag', ask),
          perSecond > 0
            ? askChild<Written>(flooder, 'flood', { ...ask, perSecond, text: COMMENT })
            : { offered: 0, written: 0 },
        ]);
        const after = await counts();
        await askChild(flooder, 'leave');
        return {
          flooded_room,
          other_room,
          taken: after.taken - before.taken,
          refused: after.refused - before.refused,
          relay_cpu_percent: Number(((cpuUs(relay.pid) - cpu) / (forSeconds + 0.6) / 1e4).toFixed(1)),
          offered: sent.offered,
          written: sent.written,
        };
      };
      // The first ones compile, and take the bursts.
      await turn(floodPerSecond, 2);
      await sleep(1000);
      const result: FloodResult = {
        limits: flags.join(' ') || 'as by default',
        sessions: FLOODERS,
        calm: [],
        flood: [],
      };
      for (let n = 0; n < turns; n++) {
        result.calm.push(await turn(0, seconds));
        result.flood.push(await turn(floodPerSecond, seconds));
        await sleep(1000);
      }
      return result;
    } finally {
      for (const child of [here, there, flooder]) child.kill();
    }
  });
}

/** Comments over lossy links, and a room that is flooded with them. */
export async function comments(options: CommentsOptions, log: (text: string) => void): Promise<CommentsResult> {
  log('comments over lossy links');
  const timed = await shown(options);
  log('a flood');
  const limited = await flood(options, [], TURNS);
  log('a flood without limits');
  return { ...options, shown: timed, flood: limited, without_limits: await flood(options, FREE_FLAGS, 1) };
}
