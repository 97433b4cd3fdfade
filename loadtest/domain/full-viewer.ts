import { type WatchedFrame, type WatchedVoice, type Watcher, watch as watchRoom } from '@hayate/client';
import { engineConnector } from '@hayate/transport/engine';
import type { Tags } from '../metrics/registry.ts';
import type { Scope } from '../runner/vu.ts';
import { GiftWatch } from './gift-watch.ts';
import type { Rig } from './rig.ts';
import type { WatchOptions } from './viewer.ts';

/** Playout and shares are read so often. */
const LOOK_MS = 1000;
const SHOWN_WITHIN_MS = 10_000;

/** The SDK's viewer with its figures in metrics. */
export class FullViewer {
  readonly watcher: Watcher;
  readonly #rig: Rig;
  readonly #tags: Tags;
  readonly #room: string;
  readonly #sub: string;
  readonly #gifts: GiftWatch;
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
    this.#gifts = new GiftWatch((lagMs) => rig.add('gift_lag', lagMs, scope.tags));
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
    this.watcher.room.on('comment', ({ text }) => this.#comment(text));
    this.watcher.room.on('gift', ({ jti, kind }) => {
      if (kind === 'gift') this.#gifts.shown(jti, performance.now());
    });
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  get ready(): Promise<void> {
    return this.watcher.ready;
  }

  async comment(text: string): Promise<void> {
    await this.watcher.room.comment(`${text}\u200b${(performance.timeOrigin + performance.now()).toFixed(3)}`);
  }

  /** Resolves when it is shown, or 10 s after the acknowledgement. Rejects with the relay's refusal. */
  async gift(gift: { liver: string; item?: string; amount?: number; currency?: string }): Promise<void> {
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
    const seen = this.#gifts.submitted(jti, performance.now());
    await this.watcher.room.gift(ticket);
    this.#gifts.acknowledged(jti);
    let late: ReturnType<typeof setTimeout> | undefined;
    const tooLate = new Promise<void>((resolve) => {
      late = setTimeout(resolve, SHOWN_WITHIN_MS);
    });
    await Promise.race([seen, tooLate]);
    clearTimeout(late);
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    clearInterval(this.#timer);
    this.#look();
    const { acknowledged, lost, doubled } = this.#gifts.counts();
    this.#rig.addShare('gift_lost', lost, acknowledged, this.#tags);
    this.#rig.addShare('gift_doubled', doubled, acknowledged, this.#tags);
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

  #comment(text: string): void {
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
