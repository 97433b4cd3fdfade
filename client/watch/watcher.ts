import {
  DATAGRAM_TYPE,
  encodeProbe,
  parseProbeReply,
  type ReceivedUnit,
  UNIT_KIND,
  UnitReceiver,
} from '@hayate/codec/bundle';
import { ClockSync } from '@hayate/codec/clock';
import { HayateError } from '@hayate/codec/errors';
import { codeError } from '@hayate/codec/messages';
import { createFaceDecoder } from '@hayate/codec/motion';
import { Listeners } from '../room/emitter.ts';
import { BoundedQueue } from '../room/queue.ts';
import type { RelaySession } from '../room/relay-session.ts';
import type { Participant, RelayRoom } from '../room/room.ts';
import { StandingRequest } from '../room/standing-request.ts';
import type { Liver, WatchedFrame, WatchedVoice, Watcher, WatchOptions, WatchStats, Welcome } from '../src/types.ts';
import { GapAsker } from './asker.ts';
import { MotionChain } from './chain.ts';
import { PlayoutClock } from './playout.ts';
import { PlayoutReporter } from './reporter.ts';
import { KindStats } from './slot-stats.ts';

const QUEUE_LIMIT = 64;
/** Units that came before the first clock sample or before the control stream told their codec. */
const MAX_HELD = 256;
const MAX_HELD_MS = 1000;

interface Timing {
  captureMs: number;
  receivedMs: number;
  lagMs: number;
  uncertaintyMs: number;
  backlog: boolean;
}

interface SlotState {
  generation: number;
  playout: PlayoutClock;
  chain: MotionChain<Timing> | undefined;
  motion: KindStats;
  voice: KindStats;
}

interface Held {
  unit: ReceivedUnit;
  receivedUs: number;
}

export class RoomWatcher implements Watcher, Participant {
  readonly room: RelayRoom;
  readonly ready: Promise<void>;

  readonly #ownsRoom: boolean;
  readonly #request: StandingRequest<unknown>;
  readonly #ready = Promise.withResolvers<void>();
  readonly #frameListeners = new Listeners<WatchedFrame>();
  readonly #voiceListeners = new Listeners<WatchedVoice>();
  readonly #frameQueues = new Set<BoundedQueue<WatchedFrame>>();
  readonly #voiceQueues = new Set<BoundedQueue<WatchedVoice>>();
  readonly #slots = new Map<number, SlotState>();
  readonly #playoutOptions: WatchOptions['playout'];
  readonly #reporter: PlayoutReporter;
  readonly #dropped = new Map<string, number>();
  readonly #detach: () => void;
  readonly #unlisten: () => void;
  #receiver = new UnitReceiver(0);
  #asker = new GapAsker(0);
  #askTimer: unknown;
  #askMs = Number.POSITIVE_INFINITY;
  #clock: ClockSync;
  #session: RelaySession | undefined;
  #held: Held[] = [];
  /** When the relay said yes to this session's `watch`. */
  #joinedUs = Number.POSITIVE_INFINITY;
  #probeTimer: unknown;
  /** When the unit came that the decoder is working on. */
  #decodedMs = 0;
  #closed = false;

  constructor(room: RelayRoom, ownsRoom: boolean, options: WatchOptions) {
    this.room = room;
    this.#ownsRoom = ownsRoom;
    this.#playoutOptions = options.playout;
    this.#reporter = new PlayoutReporter(room.environment, () => this.#livePlayouts());
    this.#clock = this.#newClock();
    this.ready = this.#ready.promise;
    this.ready.catch(() => {});
    this.#request = new StandingRequest({
      environment: room.environment,
      retryMs: options.retryMs ?? 250,
      maxRetryMs: options.maxRetryMs ?? 10_000,
      send: (session) => session.request((id) => ({ t: 'watch', id })),
      onGranted: (_answer, session) => {
        this.#joinedUs = room.nowUs();
        this.#reporter.start(session);
        this.#ready.resolve();
      },
      onRefused: (error) => {
        if (!error.retryable) this.#finish(error);
      },
    });
    this.#unlisten = room.on('liver', (liver) => this.#onLiver(liver));
    this.#detach = room.attach(this);
  }

  frames(): AsyncIterableIterator<WatchedFrame> {
    return this.#openQueue(this.#frameQueues);
  }

  voice(): AsyncIterableIterator<WatchedVoice> {
    return this.#openQueue(this.#voiceQueues);
  }

  onFrame(handler: (frame: WatchedFrame) => void): () => void {
    return this.#frameListeners.add(handler);
  }

  onVoice(handler: (voice: WatchedVoice) => void): () => void {
    return this.#voiceListeners.add(handler);
  }

  playout(slot: number): PlayoutClock | undefined {
    return this.#slots.get(slot)?.playout;
  }

  stats(): WatchStats {
    const slots: WatchStats['slots'] = new Map();
    for (const [slot, state] of this.#slots) {
      slots.set(slot, {
        motion: state.motion.counts(this.#receiver, slot, 'motion', state.chain?.counts),
        voice: state.voice.counts(this.#receiver, slot, 'voice'),
        playout: state.playout.stats(),
      });
    }
    const dropped: Record<string, number> = { ...this.#receiver.dropped() };
    for (const [reason, count] of this.#dropped) dropped[reason] = (dropped[reason] ?? 0) + count;
    const rttUs = this.#clock.rttUs;
    return { slots, dropped, rttMs: rttUs === undefined ? undefined : rttUs / 1000 };
  }

  close(): void {
    const session = this.#session;
    if (!this.#closed && session && !this.#ownsRoom) session.request((id) => ({ t: 'unwatch', id })).catch(() => {});
    this.#finish(codeError('closed', 'closed by the application'));
  }

  onOpen(session: RelaySession, welcome: Welcome): void {
    this.#keepDrops();
    this.#receiver = new UnitReceiver(welcome.alias);
    this.#asker = new GapAsker(welcome.alias);
    this.#clock = this.#newClock();
    this.#held = [];
    this.#slots.clear();
    this.#joinedUs = Number.POSITIVE_INFINITY;
    this.#session = session;
    for (const liver of this.room.livers.values()) this.#onLiver(liver);
    // The first probe leaves before the request: its answer is there when the first unit comes.
    this.#probe();
    this.#request.begin(session);
  }

  onLost(): void {
    this.#stop();
  }

  onClosed(error: HayateError): void {
    this.#finish(error);
  }

  onDatagram(type: number, data: Uint8Array, receivedAtUs: number): void {
    if (type === DATAGRAM_TYPE.bundle) {
      const units = this.#receiver.receive(data);
      this.#ask(this.#asker.arrived(units, this.room.nowUs() / 1000));
      for (const unit of units) if (!this.#deliver(unit, receivedAtUs)) this.#hold(unit, receivedAtUs);
    } else if (type === DATAGRAM_TYPE.probeReply) {
      this.#onReply(data, receivedAtUs);
    } else {
      this.#drop('unknown_type');
    }
  }

  #newClock(): ClockSync {
    const { random } = this.room.environment;
    return new ClockSync({ randomId: () => Math.floor(random() * 2 ** 32) });
  }

  #probe(): void {
    const { environment } = this.room;
    const nowUs = this.room.nowUs();
    const probe = this.#clock.nextProbe(nowUs);
    if (probe) this.#session?.transport?.sendDatagram(encodeProbe(probe));
    const waitMs = Math.max(1, (this.#clock.nextProbeAtUs - nowUs) / 1000);
    this.#probeTimer = environment.setTimer(() => this.#probe(), waitMs);
  }

  /** Sends a request for what is missing, and sees to it that the next one comes in time. One timer, armed anew for less. */
  #ask(request: Uint8Array | undefined): void {
    if (request) this.#session?.transport?.sendDatagram(request);
    const { environment } = this.room;
    const nextMs = this.#asker.nextMs;
    if (this.#askTimer !== undefined && nextMs >= this.#askMs) return;
    if (this.#askTimer !== undefined) environment.clearTimer(this.#askTimer);
    this.#askTimer = undefined;
    if (!this.#session || nextMs === Number.POSITIVE_INFINITY) return;
    this.#askMs = nextMs;
    const waitMs = Math.max(1, nextMs - this.room.nowUs() / 1000);
    this.#askTimer = environment.setTimer(() => {
      this.#askTimer = undefined;
      this.#ask(this.#asker.due(this.room.nowUs() / 1000));
    }, waitMs);
  }

  #onReply(data: Uint8Array, receivedAtUs: number): void {
    const wasSynced = this.#clock.synced;
    try {
      this.#clock.onReply(parseProbeReply(data), Math.floor(receivedAtUs));
    } catch (error) {
      if (!(error instanceof HayateError)) throw error;
      this.#drop(error.code);
      return;
    }
    const { rttUs } = this.#clock;
    if (rttUs !== undefined) this.#asker.setRtt(rttUs / 1000);
    if (!wasSynced) this.#release();
  }

  #onLiver(liver: Liver): void {
    if (!this.#session) return;
    this.#receiver.setGeneration(liver.slot, liver.generation);
    const state = this.#slot(liver.slot, liver.generation);
    if (state && liver.motion) state.playout.setFps(liver.motion.fps);
    if (!state || state.chain || !liver.motion) {
      this.#release();
      return;
    }
    try {
      const decoder = createFaceDecoder(liver.motion);
      const { slot, generation } = liver;
      state.chain = new MotionChain(decoder, (sequence, frame, timing) => {
        const watched: WatchedFrame = { slot, generation, sequence, frame, decodedMs: this.#decodedMs, ...timing };
        state.playout.pushFrame(watched);
        this.#emitFrame(watched);
      });
    } catch (error) {
      // A codec this client does not know: its voice is still good.
      if (!(error instanceof HayateError)) throw error;
      this.#drop('unknown_motion_codec');
    }
    this.#release();
  }

  /** The state of this generation; undefined for an older one. */
  #slot(slot: number, generation: number): SlotState | undefined {
    const state = this.#slots.get(slot);
    if (state?.generation === generation) return state;
    if (state && ((generation - state.generation) << 24) >> 24 < 0) return undefined;
    const playout = this.#newPlayout(slot, generation);
    const fresh = { generation, playout, chain: undefined, motion: new KindStats(), voice: new KindStats() };
    this.#slots.set(slot, fresh);
    return fresh;
  }

  #newPlayout(slot: number, generation: number): PlayoutClock {
    const budgetMs = this.room.welcome?.budgetMs;
    const liver = this.room.livers.get(slot);
    const fps = liver?.generation === generation ? liver.motion?.fps : undefined;
    return new PlayoutClock({
      ...(budgetMs !== undefined && { budgetMs }),
      ...(fps !== undefined && { fps }),
      ...this.#playoutOptions,
    });
  }

  /** Of those that are live. */
  #livePlayouts(): PlayoutClock[] {
    return [...this.#slots].filter(([slot]) => this.room.livers.has(slot)).map(([, { playout }]) => playout);
  }

  /** Returns false when the unit must wait: its time or its codec is not known yet. */
  #deliver(unit: ReceivedUnit, receivedUs: number): boolean {
    const captureUs = this.#clock.toOwnUs(unit.captureUs, Math.floor(receivedUs));
    if (captureUs === undefined) return false;
    const state = this.#slot(unit.slot, unit.generation);
    if (!state) {
      this.#drop('old_generation');
      return true;
    }
    if (unit.kind === UNIT_KIND.motion && !state.chain) {
      const liver = this.room.livers.get(unit.slot);
      // Told, and without a motion codec that this client knows.
      const told = liver?.generation === unit.generation;
      if (told) this.#drop('unknown_motion_codec');
      return told;
    }
    const timing: Timing = {
      captureMs: captureUs / 1000,
      receivedMs: receivedUs / 1000,
      lagMs: (receivedUs - captureUs) / 1000,
      uncertaintyMs: (unit.uncertaintyUs + this.#clock.uncertaintyUs(receivedUs)) / 1000,
      backlog: captureUs < this.#joinedUs,
    };
    if (unit.kind === UNIT_KIND.motion) {
      state.motion.record(unit.sequence, timing);
      this.#decodedMs = timing.receivedMs;
      state.chain?.push(unit.sequence, unit.key, unit.payload, timing);
    } else if (unit.kind === UNIT_KIND.voice) {
      state.voice.record(unit.sequence, timing);
      const playMs = state.playout.voiceTime({ ...timing, sequence: unit.sequence }, timing.receivedMs);
      this.#emitVoice(unit, timing, playMs);
    }
    return true;
  }

  #emitFrame(watched: WatchedFrame): void {
    const { frame } = watched;
    this.#frameListeners.emit(watched);
    if (this.#frameQueues.size === 0) return;
    // One copy for all queues: the decoder writes the next frame into the same array.
    const kept = { ...watched, frame: { face: frame.face, values: frame.values.slice() } };
    for (const queue of this.#frameQueues) queue.push(kept);
  }

  #emitVoice(unit: ReceivedUnit, timing: Timing, playMs: number | undefined): void {
    const { slot, generation, sequence, payload } = unit;
    const watched: WatchedVoice = { slot, generation, sequence, packet: payload, playMs, ...timing };
    this.#voiceListeners.emit(watched);
    if (this.#voiceQueues.size === 0) return;
    const kept = { ...watched, packet: payload.slice() };
    for (const queue of this.#voiceQueues) queue.push(kept);
  }

  #hold(unit: ReceivedUnit, receivedUs: number): void {
    if (this.#held.length >= MAX_HELD) {
      this.#held.shift();
      this.#drop('held_too_long');
    }
    this.#held.push({ unit: { ...unit, payload: unit.payload.slice() }, receivedUs });
  }

  #release(): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    const oldestUs = this.room.nowUs() - MAX_HELD_MS * 1000;
    for (const entry of held) {
      if (entry.receivedUs < oldestUs) this.#drop('held_too_long');
      else if (!this.#deliver(entry.unit, entry.receivedUs)) this.#held.push(entry);
    }
  }

  #drop(reason: string): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
  }

  /** The receiver's counters outlive it. */
  #keepDrops(): void {
    for (const [reason, count] of Object.entries(this.#receiver.dropped())) {
      this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + count);
    }
  }

  #openQueue<T>(queues: Set<BoundedQueue<T>>): BoundedQueue<T> {
    const queue: BoundedQueue<T> = new BoundedQueue(QUEUE_LIMIT, {
      onDrop: () => this.#drop('iterator_full'),
      onEnd: () => queues.delete(queue),
    });
    queues.add(queue);
    if (this.#closed) queue.end();
    return queue;
  }

  /** No session: nothing is sent, nothing waits. */
  #stop(): void {
    this.#session = undefined;
    this.#request.end();
    this.#reporter.stop();
    if (this.#probeTimer !== undefined) this.room.environment.clearTimer(this.#probeTimer);
    this.#probeTimer = undefined;
    if (this.#askTimer !== undefined) this.room.environment.clearTimer(this.#askTimer);
    this.#askTimer = undefined;
    this.#held = [];
  }

  #finish(error: HayateError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stop();
    this.#detach();
    this.#unlisten();
    this.#ready.reject(error);
    for (const queue of [...this.#frameQueues, ...this.#voiceQueues]) queue.end();
    this.#frameListeners.clear();
    this.#voiceListeners.clear();
    if (this.#ownsRoom) this.room.close();
  }
}
