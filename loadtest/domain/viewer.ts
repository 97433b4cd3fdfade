import { type WatchedFrame, type WatchedVoice, type Watcher, watch as watchRoom } from '@hayate/client';
import type { LinkOptions } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import type { Tags } from '../metrics/registry.ts';
import { neededScope, type Scope } from '../runner/vu.ts';
import { LightViewer } from './light-viewer.ts';
import { type Rig, rigOf } from './rig.ts';

/** Playout and shares are read so often. */
const LOOK_MS = 1000;
/** Of `sampled` viewers one in so many decodes, and the first of each room while there are few. */
const SAMPLE = 100;
const FIRST_OF_ROOMS = 20;

export interface WatchOptions {
  room: string;
  sub?: string;
  link?: LinkOptions;
  /**
   * `all`: the SDK's viewer, lag and exact frames measured; it may comment and give. `none`: its connection acknowledges
   * and counts, nothing crosses into JavaScript. `sampled` (default): one in 100 as `all`, and the first of the first 20 rooms.
   */
  decode?: 'all' | 'sampled' | 'none';
}

export interface LoadViewer {
  /** Of a viewer that decodes. */
  readonly watcher: Watcher | undefined;
  /** Resolves when the comment is acknowledged; `comment_lag` is counted where this process's viewers see it. */
  comment(text: string): Promise<void>;
  /** A gift of `amount`; counts `gift_lag`, `gift_lost`, `gift_doubled`. */
  gift(options: { liver: string; item?: string; amount?: number; currency?: string }): Promise<void>;
  close(): void;
}

const seenRooms = new WeakMap<Rig, Set<string>>();
let sampledCount = 0;

function decodes({ decode = 'sampled', room }: WatchOptions, rig: Rig): boolean {
  if (decode !== 'sampled') return decode === 'all';
  const rooms = seenRooms.get(rig) ?? new Set();
  seenRooms.set(rig, rooms);
  const first = !rooms.has(room) && rooms.size < FIRST_OF_ROOMS;
  rooms.add(room);
  sampledCount += 1;
  return first || sampledCount % SAMPLE === 0;
}

/** A viewer of `room` until it is closed or its iteration ends. Resolves when media flows; rejects with the relay's refusal. */
export async function watch(options: WatchOptions): Promise<LoadViewer> {
  const scope = neededScope('watch');
  const rig = rigOf(scope.run);
  const sub = options.sub ?? `viewer-${scope.vu?.id ?? 0}`;
  const token = await rig.target.token({ room: options.room, sub, roles: ['viewer'] });
  const tags = scope.tags;
  const beganMs = performance.now();
  const viewer = decodes(options, rig)
    ? new FullViewer(rig, scope, options, sub, token)
    : await LightViewer.open(rig, tags, options.link, token);
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    rig.watching(-1, tags);
    viewer.close();
  };
  rig.watching(1, tags);
  scope.onEnd(close);
  try {
    await viewer.ready;
  } catch (error) {
    close();
    throw error;
  }
  rig.add('join_time', performance.now() - beganMs, tags);
  return {
    watcher: viewer instanceof FullViewer ? viewer.watcher : undefined,
    comment: (text) => full(viewer).comment(text),
    gift: (gift) => full(viewer).gift(gift),
    close,
  };
}

function full(viewer: FullViewer | LightViewer): FullViewer {
  if (viewer instanceof FullViewer) return viewer;
  throw new Error("only a viewer with decode: 'all' can comment and give");
}

/** The SDK's viewer with its figures in metrics. */
class FullViewer {
  readonly watcher: Watcher;
  readonly #rig: Rig;
  readonly #tags: Tags;
  readonly #room: string;
  readonly #sub: string;
  readonly #timer: ReturnType<typeof setInterval>;
  /** By slot, of the last look: what was counted is not counted again. */
  readonly #counted = new Map<number, { motion: number[]; voice: number[] }>();
  readonly #delays = new Map<number, number>();
  #bytes = { in: 0, out: 0 };
  #closing = false;
  /** Of the newest unit; undefined before the first. */
  #uncertaintyMs: number | undefined;

  constructor(rig: Rig, scope: Scope, options: WatchOptions, sub: string, token: string) {
    this.#rig = rig;
    this.#tags = scope.tags;
    this.#room = options.room;
    this.#sub = sub;
    const { url, certificateHashes } = rig.target;
    this.watcher = watchRoom(
      { url, token, ...(certificateHashes && { certificateHashes }) },
      { connector: engineConnector(rig.engine, rig.path(options.link)), signal: scope.signal },
    );
    this.watcher.onFrame((frame) => this.#frame(frame));
    this.watcher.onVoice((voice) => this.#voice(voice));
    this.watcher.room.on('state', ({ state, error }) => {
      if (error && (state === 'reconnecting' || state === 'closed') && !this.#closing && !scope.signal.aborted)
        rig.lost(error, this.#tags);
    });
    this.watcher.room.on('comment', ({ text, atMs }) => this.#comment(text, atMs));
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  get ready(): Promise<void> {
    return this.watcher.ready;
  }

  async comment(text: string): Promise<void> {
    await this.watcher.room.comment(`${text}\u200b${(performance.timeOrigin + performance.now()).toFixed(3)}`);
  }

  async gift(gift: { liver: string; item?: string; amount?: number; currency?: string }): Promise<void> {
    const { room } = this.watcher;
    const jti = `load-${process.pid}-${performance.now()}-${this.#sub}`;
    const { item = 'star', amount = 100, currency = 'JPY', liver } = gift;
    const ticket = await this.#rig.target.ticket({
      room: this.#room,
      sub: this.#sub,
      liver,
      item,
      amount,
      currency,
      jti,
    });
    const submittedMs = performance.now();
    let shown = 0;
    const seen = Promise.withResolvers<void>();
    const stop = room.on('gift', (record) => {
      if (record.jti !== jti || record.kind !== 'gift') return;
      shown += 1;
      if (shown > 1) return;
      this.#rig.add('gift_lag', performance.now() - submittedMs, this.#tags);
      seen.resolve();
    });
    try {
      await room.gift(ticket);
      const late = setTimeout(() => seen.resolve(), 10_000);
      await seen.promise;
      clearTimeout(late);
    } finally {
      stop();
      this.#rig.add('gift_lost', shown === 0 ? 1 : 0, this.#tags);
      this.#rig.add('gift_doubled', shown > 1 ? 1 : 0, this.#tags);
    }
  }

  close(): void {
    this.#closing = true;
    clearInterval(this.#timer);
    this.#look();
    this.watcher.close();
  }

  #frame(frame: WatchedFrame): void {
    if (frame.backlog) return;
    const { slot, generation, sequence, decodedMs, captureMs, uncertaintyMs } = frame;
    const arrival = decodedMs - this.#capture(slot, generation, 'motion', sequence, captureMs, uncertaintyMs);
    this.#rig.add('motion_arrival_lag', arrival, this.#tags);
    // Shown at its own display time, which the playout delays; at once when it came after it.
    const delay = this.#delays.get(slot);
    if (delay !== undefined) this.#rig.add('motion_lag', Math.max(arrival, delay), this.#tags);
  }

  #voice(voice: WatchedVoice): void {
    if (voice.backlog) return;
    const { slot, generation, sequence, receivedMs, captureMs, playMs, uncertaintyMs } = voice;
    const captured = this.#capture(slot, generation, 'voice', sequence, captureMs, uncertaintyMs);
    this.#rig.add('voice_arrival_lag', receivedMs - captured, this.#tags);
    if (playMs !== undefined) this.#rig.add('voice_lag', playMs - captured, this.#tags);
  }

  /** Exact where a liver of this process sent it, else as estimated, with its uncertainty told. */
  #capture(
    slot: number,
    generation: number,
    kind: 'motion' | 'voice',
    sequence: number,
    estimateMs: number,
    uncertaintyMs: number,
  ): number {
    const exactUs = this.#rig.sent.captureUs(this.#room, slot, generation, kind, sequence);
    this.#uncertaintyMs = exactUs === undefined ? uncertaintyMs : 0;
    return exactUs === undefined ? estimateMs : exactUs / 1000;
  }

  #comment(text: string, _atMs: number): void {
    const at = text.lastIndexOf('\u200b');
    const sentMs = at < 0 ? Number.NaN : Number(text.slice(at + 1));
    if (Number.isFinite(sentMs)) {
      this.#rig.add('comment_lag', performance.timeOrigin + performance.now() - sentMs, this.#tags);
    }
  }

  #look(): void {
    const rig = this.#rig;
    if (this.#uncertaintyMs !== undefined) rig.add('clock_uncertainty', this.#uncertaintyMs, this.#tags);
    for (const [slot, { playout }] of this.watcher.stats().slots) {
      this.#delays.set(slot, playout.delayMs);
      const before = this.#counted.get(slot) ?? { motion: [0, 0, 0], voice: [0, 0, 0] };
      const now = { motion: countsOf(playout.motion), voice: countsOf(playout.voice) };
      this.#counted.set(slot, now);
      const motion = now.motion.map((value, index) => value - before.motion[index]!);
      const voice = now.voice.map((value, index) => value - before.voice[index]!);
      // A new generation counts from zero.
      if (motion[0]! < 0 || voice[0]! < 0) continue;
      rig.addShare('motion_exact', motion[1]!, motion[0]!, this.#tags);
      rig.addShare('motion_late', motion[2]!, motion[0]!, this.#tags);
      rig.addShare('voice_gap', voice[0]! - voice[1]!, voice[0]!, this.#tags);
    }
    void this.#countBytes();
  }

  async #countBytes(): Promise<void> {
    const stats = await this.watcher.room.getStats().catch(() => undefined);
    if (!stats) return;
    const { bytesReceived = 0, bytesSent = 0 } = stats as { bytesReceived?: number; bytesSent?: number };
    this.#rig.addBytes(bytesReceived - this.#bytes.in, bytesSent - this.#bytes.out, this.#tags);
    this.#bytes = { in: bytesReceived, out: bytesSent };
  }
}

function countsOf({ expected, onTime, late }: { expected: number; onTime: number; late: number }): number[] {
  return [expected, onTime, late];
}
