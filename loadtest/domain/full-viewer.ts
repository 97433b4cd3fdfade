import { publish, type WatchedFrame, type WatchedVoice, type Watcher, watch as watchRoom } from '@hayate/client';
import type { LinkOptions } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import type { Tags } from '../metrics/registry.ts';
import { GiftWatch } from './gift-watch.ts';
import type { Rig } from './rig.ts';
import type { Seat } from './seat.ts';
import { type ActOptions, mediaOf, perform } from './stage.ts';

/** A viewer who may speak, until it ends this or leaves. */
export interface Speech {
  close(): Promise<void>;
}

/** Playout and shares are read so often. */
const LOOK_MS = 1000;
const SHOWN_WITHIN_MS = 10_000;

/** The SDK's viewer with its figures in metrics. */
export class FullViewer {
  readonly watcher: Watcher;
  readonly #rig: Rig;
  readonly #tags: Tags;
  readonly #seat: Seat;
  readonly #gifts: GiftWatch;
  readonly #timer: ReturnType<typeof setInterval>;
  /** By slot, of the last look: what was counted is not counted again. */
  readonly #counted = new Map<number, { motion: number[]; voice: number[] }>();
  readonly #delays = new Map<number, number>();
  /** Ends what it plays. */
  readonly #leave: (() => void)[] = [];
  #bytes = { in: 0, out: 0 };
  #closing = false;
  /** Of the present session, ms since 1970. */
  #openMs = Number.POSITIVE_INFINITY;
  #link: LinkOptions | undefined;
  /** Ends the present session, as the network under it does. */
  #cut = () => {};
  /** The network was switched, and the room is not open again. */
  #switching: { sinceMs: number; open: PromiseWithResolvers<void> } | undefined;
  /** Of the newest unit; undefined before the first. */
  #uncertaintyMs: number | undefined;

  constructor(rig: Rig, seat: Seat, token: string) {
    this.#rig = rig;
    this.#tags = seat.tags;
    this.#seat = seat;
    this.#link = seat.link;
    this.#gifts = new GiftWatch((lagMs) => rig.add('gift_lag', lagMs, seat.tags));
    const { url, certificateHashes } = rig.target;
    this.watcher = watchRoom(
      { url, token, ...(certificateHashes && { certificateHashes }) },
      {
        connector: (to, options) => {
          const session = engineConnector(rig.engine, rig.path(this.#link))(to, options);
          this.#cut = () => session.close();
          return session;
        },
        signal: seat.signal,
      },
    );
    this.watcher.onFrame((frame) => this.#frame(frame));
    this.watcher.onVoice((voice) => this.#voice(voice));
    this.watcher.room.on('state', ({ state, error }) => {
      if (state === 'open') this.#openMs = dateMs();
      if (this.#switching) this.#afterSwitch(state);
      else if (error && (state === 'reconnecting' || state === 'closed') && !this.#closing && !seat.signal.aborted)
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
    await this.watcher.room.comment(`${text}\u200b${dateMs().toFixed(3)}`);
  }

  /** Resolves when it is shown, or 10 s after the acknowledgement. Rejects with the relay's refusal. */
  async gift(gift: { liver: string; item?: string; amount?: number; currency?: string }): Promise<void> {
    const jti = `load-${process.pid}-${performance.now()}-${this.#seat.sub}`;
    const { item = 'star', amount = 100, currency = 'JPY', liver } = gift;
    const ticket = await this.#rig.target.ticket({
      room: this.#seat.room,
      sub: this.#seat.sub,
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

  /** Asks to speak. Resolves once it is granted and media flows; rejects when it is not to be. */
  async speak(act: ActOptions): Promise<Speech> {
    const { room, vu } = this.#seat;
    const beganMs = performance.now();
    const request = this.watcher.room.requestToSpeak();
    if (!(await request.granted)) throw new Error(`the request to speak was ${request.state}`);
    const publisher = publish(this.watcher.room, mediaOf(act));
    const leave = await perform(this.#rig, publisher, act, { room, vu });
    this.#rig.add('speak_time', performance.now() - beganMs, this.#tags);
    this.#leave.push(leave);
    return {
      close: async () => {
        leave();
        await publisher.close();
        await request.withdraw();
      },
    };
  }

  /** Another network from now on: the session of the old one is gone. Resolves when the room is open again, or closed. */
  switchNetwork(link: LinkOptions | undefined): Promise<void> {
    this.#link = link;
    this.#switching ??= { sinceMs: performance.now(), open: Promise.withResolvers() };
    this.#cut();
    return this.#switching.open.promise;
  }

  /** As an app does when the system says that it is online again. */
  #afterSwitch(state: 'connecting' | 'open' | 'reconnecting' | 'closed'): void {
    if (state === 'reconnecting') queueMicrotask(() => this.watcher.room.hintReconnect());
    if (state !== 'open' && state !== 'closed') return;
    const { sinceMs, open } = this.#switching!;
    this.#switching = undefined;
    if (state === 'open') this.#rig.add('rejoin_time', performance.now() - sinceMs, this.#tags);
    open.resolve();
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    for (const leave of this.#leave) leave();
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
    const exactUs = this.#rig.sent.captureUs(this.#seat.room, slot, generation, kind, sequence);
    this.#uncertaintyMs = exactUs === undefined ? uncertaintyMs : 0;
    return exactUs === undefined ? estimateMs : exactUs / 1000;
  }

  #comment(text: string): void {
    const at = text.lastIndexOf('\u200b');
    const sentMs = at < 0 ? Number.NaN : Number(text.slice(at + 1));
    // What was said before this session came is history.
    if (sentMs >= this.#openMs) this.#rig.add('comment_lag', dateMs() - sentMs, this.#tags);
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
    // A new session counts from zero.
    if (bytesReceived < this.#bytes.in) this.#bytes = { in: 0, out: 0 };
    this.#rig.addBytes(bytesReceived - this.#bytes.in, bytesSent - this.#bytes.out, this.#tags);
    this.#bytes = { in: bytesReceived, out: bytesSent };
  }
}

/** ms since 1970, with fractions. */
function dateMs(): number {
  return performance.timeOrigin + performance.now();
}

function countsOf({ expected, onTime, late }: { expected: number; onTime: number; late: number }): number[] {
  return [expected, onTime, late];
}
