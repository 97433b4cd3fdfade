import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRoom } from '@hayate/client';
import { openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { openOffice } from '../lib/app-backend.ts';
import { prefer } from '../lib/children.ts';
import { readMetrics, total } from '../lib/metrics.ts';
import { startRelayProcess } from '../lib/relay-process.ts';
import { percentiles } from './stream-present.ts';

export interface GiftsOptions {
  giftsPerSecond: number;
  commentsPerSecond: number;
  /** Measured seconds of each part. */
  seconds: number;
}

/** Delay of the relay's event loop in one part, ms. */
interface LoopDelay {
  p50: number;
  p99: number;
  max: number;
}

export interface GiftsResult extends GiftsOptions {
  link: string;
  submitted: number;
  shown: number;
  comments_shown: number;
  submit_to_shown_ms: ReturnType<typeof percentiles>;
  submit_to_ack_ms: ReturnType<typeof percentiles>;
  /** Bytes of packets that left once more, a gift: by its giver, and by the relay to each who listens to gifts. */
  repeated_bytes_a_gift: { giver: number; relay: number };
  /** Packets that the givers sent and took for lost, %. What is over the links' loss was sent again in vain. */
  givers_packets_lost: number;
  /** The same relay and comments, without and with gifts. */
  relay_event_loop_ms: { comments_alone: LoopDelay; comments_and_gifts: LoopDelay };
}

const LINK = { delayMs: 20, jitterMs: 5, loss: 0.01 };
const COMMENTERS = 10;
const GIVERS = 4;

/** Gifts from SDK clients behind emulated links to one who watches behind another, in a room full of comments. */
export async function gifts(options: GiftsOptions, log: (text: string) => void): Promise<GiftsResult> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-gifts-bench-'));
  const free = ['--comments-per-second', '1000', '--comments-burst', '1000', '--comments-room-per-second', '10000'];
  const limits = [...free, '--comments-room-burst', '10000', '--gifts-per-second', '1000'];
  const relay = await startRelayProcess(stateDir, limits);
  prefer(relay.pid);
  const engine = openEngine();
  try {
    const office = await openOffice(stateDir);
    const { url, hash } = await relay.tokens('show');
    const enter = (sub: string, seed?: number) => {
      const target = { url, certificateHashes: [hash], token: () => office.token('show', sub) };
      const link = seed === undefined ? {} : { link: { tx: { ...LINK, seed }, rx: { ...LINK, seed: seed + 1 } } };
      return connectRoom(target, { connector: engineConnector(engine, link) });
    };
    const watcher = enter('watcher', 1);
    const givers = Array.from({ length: GIVERS }, (_, n) => enter(`giver-${n}`, 10 + 10 * n));
    const commenters = Array.from({ length: COMMENTERS }, (_, n) => enter(`commenter-${n}`));
    await Promise.all([watcher, ...givers, ...commenters].map((room) => room.ready));

    const since = new Map<string, number>();
    const toShown: number[] = [];
    const toAck: number[] = [];
    let comments = 0;
    watcher.on('gift', ({ jti }) => toShown.push(performance.now() - since.get(jti)!));
    watcher.on('comment', () => comments++);

    const part = async (perSecond: number): Promise<LoopDelay> => {
      const giving: Promise<void>[] = [];
      await readMetrics(relay.metrics);
      const began = performance.now();
      let [commented, given] = [0, 0];
      for (let passed = 0; passed < options.seconds * 1000; passed = performance.now() - began) {
        for (; commented < (passed / 1000) * options.commentsPerSecond; commented++) {
          const text = `${commented} ${'so good '.repeat(8)}`;
          commenters[commented % COMMENTERS]!.comment(text).catch(() => {});
        }
        for (; given < (passed / 1000) * perSecond; given++) {
          const [n, jti] = [given % GIVERS, `gift-${given}`];
          const more = { room: 'show', sender: `giver-${n}`, liver: 'mio', item: 'star', reg: 'local' };
          const ticket = await office.ticket({ jti, ...more, amount: 100, currency: 'JPY' });
          const atMs = performance.now();
          since.set(jti, atMs);
          giving.push(givers[n]!.gift(ticket).then(() => void toAck.push(performance.now() - atMs)));
        }
        await sleep(1);
      }
      const loop = (await readMetrics(relay.metrics)).filter(({ name }) => name === 'hayate_event_loop_delay_seconds');
      const at = (quantile: string) =>
        (loop.find(({ labels }) => labels['quantile'] === quantile)?.value ?? Number.NaN) * 1000;
      await Promise.all(giving);
      for (let tries = 0; toShown.length < since.size && tries < 100; tries++) await sleep(20);
      return { p50: at('0.5'), p99: at('0.99'), max: at('1') };
    };
    // The first ones compile.
    await part(0);
    log('comments alone');
    const alone = await part(0);
    log('comments and gifts');
    comments = 0;
    const repeated = async () => ({
      clients: (await engine.getStats())['bytes_repeated'] ?? Number.NaN,
      relay: total(await readMetrics(relay.metrics), 'hayate_repeated_bytes_total'),
    });
    const before = await repeated();
    const both = await part(options.giftsPerSecond);
    const after = await repeated();
    const [submitted, shown] = [since.size, toShown.length];
    const each = (bytes: number, listening: number) => Math.round(bytes / submitted / listening);
    const sent = await Promise.all(givers.map((giver) => giver.getStats()));
    const sum = (name: 'packetsLost' | 'packetsSent') =>
      sent.reduce((n, stats) => n + (stats?.[name] ?? Number.NaN), 0);
    for (const room of [watcher, ...givers, ...commenters]) room.close();
    return {
      ...options,
      link: `${LINK.delayMs} +- ${LINK.jitterMs} ms each way, ${100 * LINK.loss} % loss, on both hops`,
      submitted,
      shown,
      comments_shown: comments,
      submit_to_shown_ms: percentiles(toShown),
      submit_to_ack_ms: percentiles(toAck),
      repeated_bytes_a_gift: {
        giver: each(after.clients - before.clients, 1),
        relay: each(after.relay - before.relay, GIVERS + 1),
      },
      givers_packets_lost: Math.round((1e4 * sum('packetsLost')) / sum('packetsSent')) / 100,
      relay_event_loop_ms: { comments_alone: alone, comments_and_gifts: both },
    };
  } finally {
    await engine.close();
    await relay.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}
