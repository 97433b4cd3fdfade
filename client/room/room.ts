import { DATAGRAM_TYPE } from '@hayate/codec/bundle';
import type { HayateError } from '@hayate/codec/errors';
import { codeError, type RelayMessage, type Welcome as WireWelcome } from '@hayate/codec/messages';
import type { Connector, SessionStats } from '@hayate/transport';
import { RoomGifts } from '../gifts/room-gifts.ts';
import type { GiftOptions, GiftReceipt, RoomGift } from '../gifts/types.ts';
import { Community } from '../people/community.ts';
import type {
  Permission,
  RoomComment,
  RoomModeration,
  RoomPresence,
  RoomRules,
  SpeakRequest,
} from '../people/types.ts';
import type {
  ConnectionOptions,
  ConnectionState,
  Liver,
  RelayTarget,
  Room,
  RoomEvent,
  RoomEvents,
  Welcome,
} from '../src/types.ts';
import { Backoff } from './backoff.ts';
import { Emitter } from './emitter.ts';
import type { Environment } from './environment.ts';
import { LiverList } from './livers.ts';
import { BoundedQueue } from './queue.ts';
import { checkTarget, errorOf, RelaySession } from './relay-session.ts';

const QUEUE_LIMIT = 256;
const FIRST_GIVE_UP_MS = 15_000;
/** A session shorter than this does not count as a recovery: the back-off goes on growing. */
const STABLE_MS = 5_000;
const AGENT = 'hayate-client/0.1';
const NOTHING: ReadonlySet<Permission> = new Set();

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
  readonly moderate: RoomModeration;
  readonly environment: Environment;

  readonly #setup: RoomSetup;
  readonly #emitter = new Emitter<RoomEvents>();
  readonly #eventQueues = new Set<BoundedQueue<RoomEvent>>();
  readonly #participants = new Set<Participant>();
  readonly #livers = new LiverList();
  readonly #gifts: RoomGifts;
  readonly #community: Community;
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
  /** Of the last session, for the next one. */
  #resume: string | undefined;
  /** A session opened since the relay last refused a token as expired. */
  #mayRenew = true;

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
    const { token } = setup.target;
    const renew = typeof token === 'function' ? token : undefined;
    this.#community = new Community({
      environment,
      renew,
      emit: (type, value) => this.#emit(type, value),
    });
    this.moderate = this.#community.moderate;
    this.comments = { [Symbol.asyncIterator]: () => this.#community.comments.iterate() };
    this.#gifts = new RoomGifts({
      environment,
      options: options.gifts ?? {},
      onGift: (gift) => this.#emit('gift', gift),
      onPlaced: (placed) => this.#emit('gift_placed', placed),
      onSettled: (outcome) => this.#emit('gift_settled', outcome),
      onWarning: (error) => this.#emit('warning', error),
    });
    this.gifts = { [Symbol.asyncIterator]: () => this.#gifts.iterate() };
    this.#participants.add(this.#community).add(this.#gifts);
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
    return this.#livers.bySlot;
  }

  get reliability(): Room['reliability'] {
    return this.#welcome ? this.#session?.transport?.reliability : undefined;
  }

  get permissions(): ReadonlySet<Permission> {
    return this.#community.access?.permissions ?? NOTHING;
  }

  get presence(): RoomPresence | undefined {
    return this.#community.people.presence;
  }

  get rules(): RoomRules | undefined {
    return this.#community.people.rules;
  }

  on<K extends keyof RoomEvents>(type: K, listener: (value: RoomEvents[K]) => void): () => void {
    const remove = this.#emitter.on(type, listener);
    this.#wantWhatIsHeard();
    return () => {
      remove();
      this.#wantWhatIsHeard();
    };
  }

  events(): AsyncIterableIterator<RoomEvent> {
    const queue: BoundedQueue<RoomEvent> = new BoundedQueue(QUEUE_LIMIT, {
      onEnd: () => {
        this.#eventQueues.delete(queue);
        this.#wantWhatIsHeard();
      },
    });
    this.#eventQueues.add(queue);
    if (this.#state === 'closed') queue.end();
    this.#wantWhatIsHeard();
    return queue;
  }

  comment(text: string): Promise<{ number: number }> {
    return this.#community.comments.send(text);
  }

  react(kind: string): boolean {
    return this.#community.comments.react(kind);
  }

  requestToSpeak(): SpeakRequest {
    return this.#community.speaking.request();
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
      resume: this.#resume,
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
      permissions: new Set(wire.permissions),
      expiresAtMs: wire.expiresAt,
      resumed: wire.resumed === true,
      budgetMs: wire.budgetMs,
    };
    this.#welcome = welcome;
    this.#everOpen = true;
    this.#openedMs = this.environment.nowMs();
    this.#resume = wire.resume;
    this.#mayRenew = true;
    // Before anybody hears of it, so that listeners find it as it is.
    this.#state = 'open';
    for (const participant of [...this.#participants]) participant.onOpen(session, welcome);
    this.#setState('open');
    for (const liver of wire.livers) this.#emit('liver', this.#livers.came(liver));
    this.#ready.resolve(welcome);
  }

  #onMessage(message: RelayMessage): void {
    switch (message.t) {
      case 'liver':
        this.#emit('liver', this.#livers.came(message));
        break;
      case 'left':
        this.#livers.left(message);
        this.#emit('left', { slot: message.slot, generation: message.gen });
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
        if (this.#community.take(message)) break;
        // `welcome` a second time, or what belongs on another stream.
        throw codeError('protocol_error', `the relay sent ${message.t} out of place`);
    }
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
      session.answerProbe(data, receivedAtUs, this.nowUs());
      return;
    }
    for (const participant of this.#participants) participant.onDatagram(type, data, receivedAtUs);
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
    if (!(error.retryable || this.#renews(error)) || now + waitMs - this.#searchingMs > giveUpMs) {
      this.#finish(error);
      return;
    }
    this.#retryTimer = environment.setTimer(() => this.#connect(), waitMs);
    this.#setState(this.#everOpen ? 'reconnecting' : 'connecting', error);
  }

  /** The token ended and another can be had. One that has ended already when it comes is no way out. */
  #renews(error: HayateError): boolean {
    if (error.code !== 'token_expired' || typeof this.#setup.target.token !== 'function' || !this.#mayRenew)
      return false;
    this.#mayRenew = false;
    return true;
  }

  #dropSession(): void {
    this.#session = undefined;
    this.#welcome = undefined;
    this.#livers.bySlot.clear();
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
    for (const queue of [...this.#eventQueues]) queue.end();
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

  /** What nobody listens to is not asked for; comments and gifts once asked for go on. */
  #wantWhatIsHeard(): void {
    const all = this.#eventQueues.size > 0;
    const heard = (...types: (keyof RoomEvents)[]) => all || types.some((type) => this.#emitter.has(type));
    if (heard('comment', 'missed', 'deleted', 'reactions')) this.#community.comments.want();
    if (heard('gift')) this.#gifts.want();
    this.#community.people.want(heard('presence', 'rules'));
  }
}
