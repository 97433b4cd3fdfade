import { answerProbe, DATAGRAM_TYPE } from '@hayate/codec/bundle';
import type { HayateError } from '@hayate/codec/errors';
import {
  codeError,
  isCommentText,
  type RelayMessage,
  type Liver as WireLiver,
  type Welcome as WireWelcome,
} from '@hayate/codec/messages';
import type { Connector, SessionStats } from '@hayate/transport';
import { RoomGifts } from '../gifts/room-gifts.ts';
import type { GiftOptions, GiftReceipt, RoomGift } from '../gifts/types.ts';
import type {
  ConnectionOptions,
  ConnectionState,
  Liver,
  RelayTarget,
  Room,
  RoomComment,
  RoomEvent,
  RoomEvents,
  Welcome,
} from '../src/types.ts';
import { Backoff } from './backoff.ts';
import { Emitter } from './emitter.ts';
import type { Environment } from './environment.ts';
import { BoundedQueue } from './queue.ts';
import { errorOf, parseHash, RelaySession } from './relay-session.ts';

const QUEUE_LIMIT = 256;
const FIRST_GIVE_UP_MS = 15_000;
/** A session shorter than this does not count as a recovery: the back-off goes on growing. */
const STABLE_MS = 5_000;
const AGENT = 'hayate-client/0.1';

/** What takes part in a room's sessions: publishers and watchers. */
export interface Participant {
  /** A session was welcomed; also called at once when there is one. */
  onOpen(session: RelaySession, welcome: Welcome): void;
  onLost(error: HayateError): void;
  /** The room is closed for good; nothing follows. */
  onClosed(error: HayateError): void;
  /** Datagrams but probes, which the room answers itself. `data` is valid only during the call. */
  onDatagram(type: number, data: Uint8Array, receivedAtUs: number): void;
}

export interface RoomSetup {
  target: RelayTarget;
  options: ConnectionOptions;
  connector: Connector;
  environment: Environment;
}

export class RelayRoom implements Room {
  readonly ready: Promise<Welcome>;
  readonly closed: Promise<HayateError>;
  readonly comments: AsyncIterable<RoomComment>;
  readonly gifts: AsyncIterable<RoomGift>;
  readonly environment: Environment;

  readonly #setup: RoomSetup;
  readonly #emitter = new Emitter<RoomEvents>();
  readonly #eventQueues = new Set<BoundedQueue<RoomEvent>>();
  readonly #commentQueues = new Set<BoundedQueue<RoomComment>>();
  readonly #participants = new Set<Participant>();
  readonly #livers = new Map<number, Liver>();
  readonly #gifts: RoomGifts;
  readonly #backoff: Backoff;
  readonly #ready = Promise.withResolvers<Welcome>();
  readonly #closed = Promise.withResolvers<HayateError>();
  #state: ConnectionState = 'connecting';
  #session: RelaySession | undefined;
  #welcome: Welcome | undefined;
  #openedMs = 0;
  /** Since when there is no session. */
  #searchingMs: number;
  #everOpen = false;
  #retryTimer: unknown;
  #drainTimer: unknown;
  #commentsWanted = false;

  /** Throws `invalid_argument` for a target that can never work. */
  constructor(setup: RoomSetup) {
    this.#setup = setup;
    this.environment = setup.environment;
    checkTarget(setup.target);
    const { options, environment } = setup;
    this.#backoff = new Backoff(options.retryMs ?? 250, options.maxRetryMs ?? 10_000, environment.random);
    this.#searchingMs = environment.nowMs();
    this.ready = this.#ready.promise;
    // Who only listens to events must not meet an unhandled rejection.
    this.ready.catch(() => {});
    this.closed = this.#closed.promise;
    this.comments = { [Symbol.asyncIterator]: () => this.#openCommentQueue() };
    this.#gifts = new RoomGifts({
      environment,
      options: options.gifts ?? {},
      onGift: (gift) => this.#emit('gift', gift),
      onSettled: (outcome) => this.#emit('gift_settled', outcome),
      onWarning: (error) => this.#emit('warning', error),
    });
    this.gifts = { [Symbol.asyncIterator]: () => this.#gifts.iterate() };
    this.#participants.add(this.#gifts);
    const { signal } = options;
    if (signal?.aborted) {
      this.#finish(codeError('closed', 'aborted before it began', signal.reason));
      return;
    }
    const abort = () => this.#finish(codeError('closed', 'aborted', signal?.reason));
    signal?.addEventListener('abort', abort, { once: true });
    void this.closed.then(() => signal?.removeEventListener('abort', abort));
    this.#connect();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  get livers(): ReadonlyMap<number, Liver> {
    return this.#livers;
  }

  get reliability(): Room['reliability'] {
    return this.#welcome ? this.#session?.transport?.reliability : undefined;
  }

  on<K extends keyof RoomEvents>(type: K, listener: (value: RoomEvents[K]) => void): () => void {
    if (type === 'comment') this.#wantComments();
    if (type === 'gift') this.#gifts.want();
    return this.#emitter.on(type, listener);
  }

  events(): AsyncIterableIterator<RoomEvent> {
    this.#wantComments();
    this.#gifts.want();
    return this.#openQueue(this.#eventQueues);
  }

  async comment(text: string): Promise<void> {
    if (!isCommentText(text)) throw codeError('invalid_argument', 'a comment has 1 to 500 characters');
    this.#wantComments();
    if (!this.#welcome || !this.#session) throw codeError('connection_lost', `no session: ${this.#state}`);
    await this.#session.comment(text);
  }

  gift(ticket: string, options?: GiftOptions): Promise<GiftReceipt> {
    return this.#gifts.submit(ticket, options);
  }

  get giftsSeen(): number | undefined {
    return this.#gifts.seen;
  }

  hintReconnect(): void {
    if (this.#retryTimer === undefined) return;
    this.environment.clearTimer(this.#retryTimer);
    this.#backoff.reset();
    this.#connect();
  }

  async getStats(): Promise<SessionStats | undefined> {
    return this.#welcome ? this.#session?.transport?.getStats() : undefined;
  }

  nowUs(): number {
    return Math.floor(this.environment.nowMs() * 1000);
  }

  close(): void {
    this.#finish(codeError('closed', 'closed by the application'));
  }

  /** For publishers and watchers. Returns the way out. */
  attach(participant: Participant): () => void {
    if (this.#state === 'closed') {
      void this.closed.then((error) => participant.onClosed(error));
      return () => {};
    }
    this.#participants.add(participant);
    if (this.#welcome && this.#session) participant.onOpen(this.#session, this.#welcome);
    return () => this.#participants.delete(participant);
  }

  #connect(): void {
    this.#retryTimer = undefined;
    const { target, connector, options, environment } = this.#setup;
    const session: RelaySession = new RelaySession({
      target,
      connector,
      environment,
      deadAfterMs: options.deadAfterMs ?? 600,
      agent: AGENT,
      onWelcome: (welcome) => this.#onWelcome(session, welcome),
      onMessage: (message) => this.#onMessage(message),
      onDatagram: (data, receivedAtUs) => this.#onDatagram(session, data, receivedAtUs),
    });
    this.#session = session;
    void session.ended.then((error) => this.#onEnded(session, error));
  }

  #onWelcome(session: RelaySession, wire: WireWelcome): void {
    const welcome: Welcome = {
      session: wire.session,
      room: wire.room,
      alias: wire.alias,
      subject: wire.sub,
      ...(wire.name !== undefined && { name: wire.name }),
      roles: wire.roles,
      budgetMs: wire.budgetMs,
    };
    this.#welcome = welcome;
    this.#everOpen = true;
    this.#openedMs = this.environment.nowMs();
    if (this.#commentsWanted) session.openComments().catch(() => {});
    this.#setState('open');
    for (const liver of wire.livers) this.#onLiver(liver);
    this.#ready.resolve(welcome);
    for (const participant of this.#participants) participant.onOpen(session, welcome);
  }

  #onMessage(message: RelayMessage): void {
    switch (message.t) {
      case 'liver':
        this.#onLiver(message);
        break;
      case 'left':
        // A word about an older generation must not remove the one that took its place.
        if (this.#livers.get(message.slot)?.generation === message.gen) this.#livers.delete(message.slot);
        this.#emit('left', { slot: message.slot, generation: message.gen });
        break;
      case 'comment': {
        const { n, sub, name, text, at } = message;
        const comment = { number: n, subject: sub, ...(name !== undefined && { name }), text, atMs: at };
        this.#emit('comment', comment);
        for (const queue of this.#commentQueues) queue.push(comment);
        break;
      }
      case 'comments':
      case 'missed':
      case 'deleted':
      case 'reactions':
        break;
      case 'uplink': {
        const { t: _, ...report } = message;
        this.#emit('uplink', report);
        break;
      }
      case 'error':
        this.#emit('warning', errorOf(message));
        break;
      case 'draining':
        this.#onDraining(message.deadlineMs);
        break;
      default:
        // `welcome` a second time, or an answer to nothing.
        throw codeError('protocol_error', `the relay sent ${message.t} out of place`);
    }
  }

  #onLiver(wire: WireLiver): void {
    const liver: Liver = {
      slot: wire.slot,
      generation: wire.gen,
      subject: wire.sub,
      ...(wire.name !== undefined && { name: wire.name }),
      ...(wire.motion && { motion: wire.motion }),
      ...(wire.voice && { voice: { channels: wire.voice.channels, frameMs: wire.voice.frameMs } }),
    };
    this.#livers.set(liver.slot, liver);
    this.#emit('liver', liver);
  }

  /** Leaves within the first half of the grace at a random time, so that a room does not come back all at once. */
  #onDraining(deadlineMs: number): void {
    this.#emit('draining', { deadlineMs });
    if (this.#drainTimer !== undefined) return;
    const session = this.#session;
    const leaveMs = this.environment.random() * (deadlineMs / 2);
    this.#drainTimer = this.environment.setTimer(() => {
      session?.end(codeError('draining', 'the relay is going away'));
    }, leaveMs);
  }

  #onDatagram(session: RelaySession, data: Uint8Array, receivedAtUs: number): void {
    const type = data[0];
    if (type === undefined || type === DATAGRAM_TYPE.heartbeat) return;
    if (type === DATAGRAM_TYPE.probe) {
      this.#answerProbe(session, data, receivedAtUs);
      return;
    }
    for (const participant of this.#participants) participant.onDatagram(type, data, receivedAtUs);
  }

  #answerProbe(session: RelaySession, data: Uint8Array, receivedAtUs: number): void {
    try {
      session.transport?.sendDatagram(answerProbe(data, Math.floor(receivedAtUs), this.nowUs()));
    } catch {
      // A malformed probe gets no answer, as a lost one.
    }
  }

  #onEnded(session: RelaySession, error: HayateError): void {
    if (this.#session !== session || this.#state === 'closed') return;
    const { options, environment } = this.#setup;
    const wasOpen = this.#welcome !== undefined;
    const now = environment.nowMs();
    this.#dropSession();
    if (wasOpen) {
      this.#searchingMs = now;
      if (now - this.#openedMs >= STABLE_MS) this.#backoff.reset();
      for (const participant of this.#participants) participant.onLost(error);
    }
    const giveUpMs = options.giveUpMs ?? (this.#everOpen ? Number.POSITIVE_INFINITY : FIRST_GIVE_UP_MS);
    const waitMs = this.#backoff.nextMs();
    if (!error.retryable || now + waitMs - this.#searchingMs > giveUpMs) {
      this.#finish(error);
      return;
    }
    this.#retryTimer = environment.setTimer(() => this.#connect(), waitMs);
    this.#setState(this.#everOpen ? 'reconnecting' : 'connecting', error);
  }

  #dropSession(): void {
    this.#session = undefined;
    this.#welcome = undefined;
    this.#livers.clear();
    if (this.#drainTimer !== undefined) this.environment.clearTimer(this.#drainTimer);
    this.#drainTimer = undefined;
  }

  #finish(error: HayateError): void {
    if (this.#state === 'closed') return;
    if (this.#retryTimer !== undefined) this.environment.clearTimer(this.#retryTimer);
    this.#retryTimer = undefined;
    const session = this.#session;
    this.#dropSession();
    this.#setState('closed', error);
    session?.end(error);
    this.#ready.reject(error);
    this.#closed.resolve(error);
    for (const participant of [...this.#participants]) participant.onClosed(error);
    this.#participants.clear();
    for (const queue of [...this.#eventQueues, ...this.#commentQueues]) queue.end();
    this.#emitter.clear();
  }

  #setState(state: ConnectionState, error?: HayateError): void {
    this.#state = state;
    this.#emit('state', error ? { state, error } : { state });
  }

  #emit<K extends keyof RoomEvents>(type: K, value: RoomEvents[K]): void {
    this.#emitter.emit(type, value);
    for (const queue of this.#eventQueues) queue.push({ type, value } as RoomEvent);
  }

  #wantComments(): void {
    if (this.#commentsWanted) return;
    this.#commentsWanted = true;
    if (this.#welcome) this.#session?.openComments().catch(() => {});
  }

  #openCommentQueue(): AsyncIterator<RoomComment> {
    this.#wantComments();
    return this.#openQueue(this.#commentQueues);
  }

  #openQueue<T>(queues: Set<BoundedQueue<T>>): BoundedQueue<T> {
    const queue: BoundedQueue<T> = new BoundedQueue(QUEUE_LIMIT, { onEnd: () => queues.delete(queue) });
    queues.add(queue);
    if (this.#state === 'closed') queue.end();
    return queue;
  }
}

function checkTarget(target: RelayTarget): void {
  const url = URL.parse(target.url);
  if (url?.protocol !== 'https:') throw codeError('invalid_argument', `not an https URL of a relay: "${target.url}"`);
  for (const hash of target.certificateHashes ?? []) parseHash(hash);
}
