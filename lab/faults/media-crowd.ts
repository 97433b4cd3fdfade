import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type RelayCandidate, type Watcher, watch } from '@hayate/client';
import type { Engine } from '@hayate/engine';
import { mintToken, readSharedKey } from '@hayate/relay';
import { engineConnector } from '@hayate/transport/engine';
import type { RelayProcess } from '../lib/relay-process.ts';
import type { Livers } from './media-livers.ts';

const FPS = 30;
const VOICE_MS = 20;
/** Of livers without voice. */
const SLOW_FPS = 10;
const LINK = { delayMs: 5, jitterMs: 2 };
/** Shared sockets, or a crowd runs out of ports. */
const SOCKETS = 16;

const linkOf = (n: number) => ({ tx: { ...LINK, seed: 1 + 2 * n }, rx: { ...LINK, seed: 2 + 2 * n } });

/** A relay as its clients know it. */
export interface RelayPlace {
  id: string;
  region: string;
  process: Pick<RelayProcess, 'url' | 'hashes'>;
}

/** What one viewer has of one liver. */
interface Stream {
  liver: string;
  viewer: Seen;
  /** Of the last frame and voice packet; NaN before the first. */
  lastMs: [number, number];
  longestMs: number;
  /** When the longest pause ended, `performance.now()`. */
  longestEndMs: number;
  longestOf: 'face' | 'voice';
  lagsMs: number[];
}

interface Seen {
  /** Where it entered. */
  relay: string;
  watcher: Watcher;
  streams: Map<string, Stream>;
  /** When it last came to another relay, `performance.now()`. */
  movedMs: number | undefined;
}

export interface Stage {
  engine: Engine;
  livers: Livers;
  relays: readonly RelayPlace[];
  /** Of tokens, which all relays share. */
  keyFile: string;
  /** Clients know one relay each: the negative control. */
  alone?: boolean;
  /** Asked by clients instead of what is known here: of a room, by who enters at this relay. */
  relaysOf?(room: string, near: RelayPlace): Promise<RelayCandidate[]>;
}

export interface Frozen {
  /** Of every viewer's every liver the longest time without a new frame or voice packet, ms. */
  p50: number;
  p95: number;
  max: number;
  /** Viewers and livers of them. */
  pairs: number;
  /** By how much livers sent late at most. */
  held_ms: number;
  /** How long the process of the viewers stood still at most. */
  viewers_held_ms: number;
  /** The longest one: who did not see whom, where the viewer entered, and when it ended, ms after `begin`. */
  worst: { at: string; liver: string; of: 'face' | 'voice'; moved: boolean; ended_ms: number | null };
}

/** Livers and viewers of one room by the SDK, each at a relay of its choice, with the others of its region to go to. */
export class MediaCrowd {
  readonly #stage: Stage;
  readonly room: string;
  readonly #viewers: Seen[] = [];
  #begunMs = performance.now();
  readonly #loop = monitorEventLoopDelay({ resolution: 5 });
  readonly #livers: number[] = [];
  /** Viewers that came to another relay since `begin`. */
  moved = 0;

  constructor(room: string, stage: Stage) {
    this.room = room;
    this.#stage = stage;
  }

  /** Performs from now on. @param voice false: motion alone, at 10 frames a second */
  async live(relay: RelayPlace, sub: string, { voice = true } = {}): Promise<void> {
    const { url, certificateHashes, token, relays } = await this.#target(relay, sub, ['liver', 'viewer']);
    const { livers } = this.#stage;
    const n = this.#livers.length;
    const fps = voice ? FPS : SLOW_FPS;
    this.#livers.push(
      await livers.live({
        ...{ target: { url, certificateHashes, token }, relays, link: linkOf(n), fps },
        ...(voice && { voiceMs: VOICE_MS }),
      }),
    );
  }

  async watch(relay: RelayPlace, count = 1): Promise<void> {
    const from = this.#viewers.length;
    const ready: Promise<unknown>[] = [];
    for (let n = from; n < from + count; n += 1) {
      const watcher = watch(await this.#target(relay, `viewer-${n}`, ['viewer']), { connector: this.#connector(n) });
      const seen: Seen = { relay: relay.id, watcher, streams: new Map(), movedMs: undefined };
      watcher.room.on('moved', () => {
        seen.movedMs = performance.now();
        this.moved += 1;
      });
      watcher.onFrame((unit) => this.#took(seen, unit.slot, unit, 0));
      watcher.onVoice((unit) => this.#took(seen, unit.slot, unit, 1));
      this.#viewers.push(seen);
      ready.push(watcher.ready);
      if (ready.length % 50 === 0) await Promise.all(ready);
    }
    await Promise.all(ready);
  }

  #took(viewer: Seen, slot: number, unit: { receivedMs: number; lagMs: number; backlog: boolean }, kind: 0 | 1): void {
    const liver = viewer.watcher.room.livers.get(slot)?.subject;
    if (liver === undefined) return;
    let stream = viewer.streams.get(liver);
    if (!stream) {
      stream = {
        liver,
        viewer,
        lastMs: [Number.NaN, Number.NaN],
        longestMs: 0,
        longestEndMs: Number.NaN,
        longestOf: 'face',
        lagsMs: [],
      };
      viewer.streams.set(liver, stream);
    }
    const pauseMs = unit.receivedMs - stream.lastMs[kind];
    if (pauseMs > stream.longestMs) {
      stream.longestMs = pauseMs;
      stream.longestEndMs = performance.now();
      stream.longestOf = kind === 0 ? 'face' : 'voice';
    }
    stream.lastMs[kind] = unit.receivedMs;
    if (!unit.backlog) stream.lagsMs.push(unit.lagMs);
  }

  /** Pauses and lags are counted anew. */
  begin(): void {
    this.#begunMs = performance.now();
    this.moved = 0;
    this.#stage.livers.begin();
    this.#loop.enable();
    this.#loop.reset();
    for (const stream of this.#streams()) {
      stream.longestMs = 0;
      stream.lagsMs = [];
    }
  }

  /** Whether every viewer has had a unit of every liver within the last so many ms. */
  flows(withinMs: number): boolean {
    return this.#viewers.every(({ watcher, streams }) => {
      const nowMs = watcher.room.nowUs() / 1000;
      const live = [...streams.values()].filter(
        ({ lastMs }) => nowMs - Math.max(...lastMs.map((ms) => ms || 0)) < withinMs,
      );
      return live.length === this.#livers.length;
    });
  }

  /** Those who have their session there now. */
  viewersAt({ process }: RelayPlace): Seen[] {
    return this.#viewers.filter(({ watcher }) => watcher.room.relay?.url === process.url);
  }

  /** Where viewers have a session, by relay; `none`: without. */
  places(relays: readonly RelayPlace[] = this.#stage.relays): Record<string, number> {
    const places: Record<string, number> = {};
    for (const { watcher } of this.#viewers) {
      const at = relays.find(({ process }) => process.url === watcher.room.relay?.url)?.id ?? 'none';
      places[at] = (places[at] ?? 0) + 1;
    }
    return places;
  }

  /** What has not ended yet counts. @param of the pairs that count */
  frozen(of: (pair: { viewerAt: string; liver: string }) => boolean = () => true): Frozen {
    const found: { ms: number; stream: Stream; over: boolean }[] = [];
    for (const stream of this.#streams()) {
      const { viewer, liver, lastMs, longestMs } = stream;
      if (!of({ viewerAt: viewer.relay, liver })) continue;
      const nowMs = viewer.watcher.room.nowUs() / 1000;
      const lasting = Math.max(0, ...lastMs.filter((ms) => !Number.isNaN(ms)).map((ms) => nowMs - ms));
      found.push({ ms: Math.max(longestMs, lasting), stream, over: longestMs >= lasting });
    }
    found.sort((a, b) => a.ms - b.ms);
    const at = (share: number) =>
      Math.round(found[Math.min(found.length - 1, Math.floor(share * found.length))]?.ms ?? 0);
    const last = found.at(-1);
    const worst = {
      at: last?.stream.viewer.relay ?? '',
      liver: last?.stream.liver ?? '',
      of: last?.stream.longestOf ?? 'face',
      moved: last?.stream.viewer.movedMs !== undefined,
      ended_ms: last?.over ? Math.round(last.stream.longestEndMs - this.#begunMs) : null,
    };
    return {
      p50: at(0.5),
      p95: at(0.95),
      max: at(1),
      pairs: found.length,
      held_ms: Math.round(this.#stage.livers.heldMs),
      viewers_held_ms: Math.round(this.#loop.max / 1e6),
      worst,
    };
  }

  /** One way, of what came since `begin`, p99 in ms. */
  lagP99(): number {
    const lags = [...this.#streams()].flatMap(({ lagsMs }) => lagsMs).sort((a, b) => a - b);
    return Number((lags[Math.floor(lags.length * 0.99)] ?? Number.NaN).toFixed(1));
  }

  async close(): Promise<void> {
    this.#loop.disable();
    for (const { watcher } of this.#viewers) watcher.close();
    await this.#stage.livers.close(this.#livers);
  }

  *#streams(): Generator<Stream> {
    for (const { streams } of this.#viewers) yield* streams.values();
  }

  #connector(n: number) {
    // A link is its socket's: those beyond the first ones share theirs.
    return engineConnector(
      this.#stage.engine,
      n < SOCKETS * 4
        ? { link: linkOf(n) }
        : { link: { tx: { delayMs: 5 }, rx: { delayMs: 5 } }, socketGroup: 1 + (n % SOCKETS) },
    );
  }

  async #target(relay: RelayPlace, sub: string, roles: ('liver' | 'viewer')[]) {
    const { url, hashes } = relay.process;
    const token = await mintToken(readSharedKey(this.#stage.keyFile), {
      room: this.room,
      sub,
      roles,
      ttlSeconds: 3600,
    });
    // The others of the region look full, so that this one is taken while it is there.
    const { relays: all, alone, relaysOf } = this.#stage;
    if (relaysOf) return { url, certificateHashes: hashes, token, relays: () => relaysOf(this.room, relay) };
    const near = all.filter(({ region, id }) => (alone ? id === relay.id : region === relay.region));
    const relays = near.map(
      ({ id, region, process }): RelayCandidate => ({
        id,
        region,
        url: process.url,
        certificateHashes: process.hashes,
        load: id === relay.id ? 0 : 1,
      }),
    );
    return { url, certificateHashes: hashes, token, relays };
  }
}

/** Of the worst room; pairs of all. */
export function worstOf(crowds: readonly MediaCrowd[]): Frozen {
  const frozen = crowds.map((crowd) => crowd.frozen());
  const worst = frozen.reduce((a, b) => (a.max >= b.max ? a : b));
  return { ...worst, pairs: frozen.reduce((sum, { pairs }) => sum + pairs, 0) };
}
