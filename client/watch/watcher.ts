import { UNIT_KIND } from '@hayate/codec/bundle';
import type { HayateError } from '@hayate/codec/errors';
import { codeError } from '@hayate/codec/messages';
import { Listeners } from '../room/emitter.ts';
import type { Joining, Participant } from '../room/participant.ts';
import { BoundedQueue } from '../room/queue.ts';
import type { RelaySession } from '../room/relay-session.ts';
import type { RelayRoom } from '../room/room.ts';
import { StandingRequest } from '../room/standing-request.ts';
import type {
  Liver,
  RouteReport,
  WatchedFrame,
  WatchedVoice,
  Watcher,
  WatchOptions,
  WatchStats,
  Welcome,
} from '../src/types.ts';
import { NO_BUNDLES } from './bundles.ts';
import type { PlayoutClock } from './playout.ts';
import { Reception } from './reception.ts';
import { PlayoutReporter } from './reporter.ts';
import { Slots } from './slots.ts';

const QUEUE_LIMIT = 64;
/** How often a session that joins is compared with the present one. */
const COMPARE_MS = 50;

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
  readonly #playoutOptions: WatchOptions['playout'];
  readonly #reporter: PlayoutReporter;
  readonly #dropped = new Map<string, number>();
  readonly #detach: () => void;
  readonly #unlisten: () => void;
  /** Of the present session, or of the last one. */
  #main: Reception | undefined;
  /** Of the session that may take its place. */
  #next: Reception | undefined;
  #nextReady: () => void = () => {};
  #compareTimer: unknown;
  #numbering: string | undefined;
  #open = false;
  #closed = false;

  constructor(room: RelayRoom, ownsRoom: boolean, options: WatchOptions) {
    this.room = room;
    this.#ownsRoom = ownsRoom;
    this.#playoutOptions = options.playout;
    this.#reporter = new PlayoutReporter(room.environment, () => this.#main?.slots.livePlayouts() ?? []);
    this.ready = this.#ready.promise;
    this.ready.catch(() => {});
    this.#request = new StandingRequest({
      environment: room.environment,
      retryMs: options.retryMs ?? 250,
      maxRetryMs: options.maxRetryMs ?? 10_000,
      send: (session) => session.request((id) => ({ t: 'watch', id })),
      onGranted: (_answer, session) => this.#onGranted(session),
      onRefused: (error) => this.#onRefused(error),
    });
    this.#unlisten = room.on('liver', (liver) => {
      if (this.#open) this.#main?.onLiver(liver);
    });
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
    return this.#main?.slots.playout(slot);
  }

  stats(): WatchStats {
    const main = this.#main;
    const slots: WatchStats['slots'] = new Map();
    for (const [slot, state] of main?.slots ?? []) {
      slots.set(slot, {
        motion: state.motion.counts(main!.path.receiver, slot, 'motion', state.chain?.counts),
        voice: state.voice.counts(main!.path.receiver, slot, 'voice'),
        playout: state.playout.stats(),
      });
    }
    const dropped: Record<string, number> = { ...main?.path.receiver.dropped() };
    for (const [reason, count] of this.#dropped) dropped[reason] = (dropped[reason] ?? 0) + count;
    const { rttMs, clockUncertaintyMs = Number.POSITIVE_INFINITY, bundles = NO_BUNDLES, asked = 0 } = main?.path ?? {};
    return { slots, dropped, rttMs, clockUncertaintyMs, bundles: { ...bundles }, asked };
  }

  async route(): Promise<RouteReport> {
    const session = this.#open ? this.#main?.path.session : undefined;
    if (!session) throw codeError('connection_lost', 'there is no session now');
    const answer = await session.request((id) => ({ t: 'route', id }));
    if (answer.t !== 'route') throw codeError('protocol_error', `the relay answered route with ${answer.t}`);
    const { t: _, id: __, ...report } = answer;
    return report;
  }

  close(): void {
    const session = this.#open ? this.#main?.path.session : undefined;
    if (!this.#closed && session && !this.#ownsRoom) session.request((id) => ({ t: 'unwatch', id })).catch(() => {});
    this.#finish(codeError('closed', 'closed by the application'));
  }

  onOpen(session: RelaySession, welcome: Welcome): void {
    const next = this.#leaveNext();
    this.#retire(this.#main);
    this.#open = true;
    if (next?.path.session === session) {
      this.#main = next;
      if (next.granted) this.#reporter.start(session, this.room.livers.size > 0);
    } else {
      this.#retire(next);
      // The first probe leaves before the request: its answer is there when the first unit comes.
      this.#main = this.#receive(session, welcome, this.room.livers);
      for (const liver of this.room.livers.values()) this.#main.onLiver(liver);
      this.#request.begin(session);
    }
    this.#main.slots.livers = this.room.livers;
    this.#numbering = welcome.numbering;
  }

  join(session: RelaySession, welcome: Welcome, livers: ReadonlyMap<number, Liver>, ready: () => void): Joining {
    const next = this.#receive(session, welcome, livers);
    this.#next = next;
    this.#nextReady = ready;
    for (const liver of livers.values()) next.onLiver(liver);
    this.#request.begin(session);
    this.#compare(next, livers);
    return {
      onLiver: (liver) => next.onLiver(liver),
      onDatagram: (type, data, receivedAtUs) => next.path.onDatagram(type, data, receivedAtUs),
      abandon: () => {
        if (this.#next !== next) return;
        this.#retire(this.#leaveNext());
        if (this.#open && this.#main && !this.#main.granted) this.#request.begin(this.#main.path.session);
        else this.#request.end();
      },
    };
  }

  onLost(): void {
    this.#stop();
  }

  onClosed(error: HayateError): void {
    this.#finish(error);
  }

  onDatagram(type: number, data: Uint8Array, receivedAtUs: number): void {
    this.#main?.path.onDatagram(type, data, receivedAtUs);
  }

  /** Units that count as those of the present session go on where it is, others begin anew. */
  #receive(session: RelaySession, welcome: Welcome, livers: ReadonlyMap<number, Liver>): Reception {
    const { alias, numbering, budgetMs } = welcome;
    const shared = numbering !== undefined;
    const same = shared && numbering === this.#numbering ? this.#main?.slots : undefined;
    const fresh = (): Slots => {
      const slots: Slots = new Slots(livers, {
        ...{ budgetMs, shared, playout: this.#playoutOptions },
        onFrame: (frame) => {
          const main = slots === this.#main?.slots;
          (main ? this.#main : this.#next)?.shows(frame.slot, UNIT_KIND.motion, frame);
          if (main) this.#emitFrame(frame);
        },
        onVoice: (voice) => {
          if (slots === this.#main?.slots) this.#emitVoice(voice);
        },
        onDrop: (reason) => this.#drop(reason),
      });
      return slots;
    };
    const { room } = this;
    const onDrop = (reason: string) => this.#drop(reason);
    return new Reception({ room, session, alias, slots: same ?? fresh(), goesOn: same !== undefined, onDrop });
  }

  /** Looks now and then whether the session that joins shows all that the present one does. */
  #compare(next: Reception, livers: ReadonlyMap<number, Liver>): void {
    const { room } = this;
    this.#compareTimer = room.environment.setTimer(() => {
      const nowMs = room.environment.nowMs();
      if (next.granted && (!this.#main || next.covers(this.#main, { from: room.livers, to: livers }, nowMs))) {
        this.#compareTimer = undefined;
        this.#nextReady();
      } else this.#compare(next, livers);
    }, COMPARE_MS);
  }

  #onGranted(session: RelaySession): void {
    const reception = this.#next?.path.session === session ? this.#next : this.#main;
    reception?.joined();
    if (reception !== this.#main) return;
    this.#reporter.start(session, this.room.livers.size > 0);
    this.#ready.resolve();
  }

  #onRefused(error: HayateError): void {
    if (error.retryable) return;
    const next = this.#leaveNext();
    if (!next) {
      this.#finish(error);
      return;
    }
    // Then it is for the room to go there or not; asked again there, it is refused for good.
    this.#retire(next);
    this.#nextReady();
  }

  #leaveNext(): Reception | undefined {
    const next = this.#next;
    this.#next = undefined;
    if (this.#compareTimer !== undefined) this.room.environment.clearTimer(this.#compareTimer);
    this.#compareTimer = undefined;
    return next;
  }

  #emitFrame(watched: WatchedFrame): void {
    const { frame } = watched;
    this.#frameListeners.emit(watched);
    if (this.#frameQueues.size === 0) return;
    // One copy for all queues: the decoder writes the next frame into the same array.
    const kept = { ...watched, frame: { face: frame.face, values: frame.values.slice() } };
    for (const queue of this.#frameQueues) queue.push(kept);
  }

  #emitVoice(watched: WatchedVoice): void {
    this.#voiceListeners.emit(watched);
    if (this.#voiceQueues.size === 0) return;
    const kept = { ...watched, packet: watched.packet.slice() };
    for (const queue of this.#voiceQueues) queue.push(kept);
  }

  #drop(reason: string): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
  }

  /** The receiver's counters outlive it. */
  #retire(reception: Reception | undefined): void {
    if (!reception) return;
    reception.path.stop();
    for (const [reason, count] of Object.entries(reception.path.receiver.dropped())) {
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
    this.#open = false;
    this.#request.end();
    this.#reporter.stop();
    this.#main?.path.stop();
    this.#retire(this.#leaveNext());
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
