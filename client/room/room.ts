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
  RoomRelay,
  Welcome,
} from '../src/types.ts';
import { Connection, type Place } from './connection.ts';
import { Emitter } from './emitter.ts';
import type { Environment } from './environment.ts';
import { JoiningRoom } from './joining-room.ts';
import { LiverList } from './livers.ts';
import type { Participant } from './participant.ts';
import { BoundedQueue } from './queue.ts';
import { errorOf } from './relay-session.ts';

const QUEUE_LIMIT = 256;
const NOTHING: ReadonlySet<Permission> = new Set();

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

  readonly #connection: Connection;
  readonly #emitter = new Emitter<RoomEvents>();
  readonly #eventQueues = new Set<BoundedQueue<RoomEvent>>();
  readonly #participants = new Set<Participant>();
  readonly #gifts: RoomGifts;
  readonly #community: Community;
  readonly #ready = Promise.withResolvers<Welcome>();
  readonly #closed = Promise.withResolvers<HayateError>();
  #state: ConnectionState = 'connecting';
  #livers = new LiverList();
  #welcome: Welcome | undefined;
  #relay: RoomRelay | undefined;
  #joining: JoiningRoom | undefined;
  /** Where it was before it was lost, and how units counted there. */
  #before: { from: RoomRelay; reason: HayateError; numbering: string | undefined } | undefined;
  #everOpen = false;

  /** Throws `invalid_argument` for a target that can never work. */
  constructor(setup: RoomSetup) {
    this.environment = setup.environment;
    const { options, environment } = setup;
    this.#connection = new Connection({
      ...setup,
      onOpen: (place, welcome) => this.#onOpen(place, welcome),
      onLost: (error) => this.#onLost(error),
      onRetry: (error) => this.#setState(this.#everOpen ? 'reconnecting' : 'connecting', error),
      onFinished: (error) => this.#finish(error),
      onJoin: (place, welcome) => this.#onJoin(place, welcome),
      onJoinFailed: () => this.#leaveJoining(),
      onMove: (from, to, reason, overlapMs) => this.#onMove(from, to, reason, overlapMs),
      onMessage: (place, message) => this.#onMessage(place, message),
      onDatagram: (place, data, receivedAtUs) => this.#onDatagram(place, data, receivedAtUs),
    });
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
    this.#connection.begin();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  get relay(): RoomRelay | undefined {
    return this.#relay;
  }

  get livers(): ReadonlyMap<number, Liver> {
    return this.#livers.bySlot;
  }

  get way(): string | undefined {
    return this.#welcome ? this.#connection.place?.session.transport.way : undefined;
  }

  get reliability(): Room['reliability'] {
    return this.#welcome ? this.#connection.place?.session.transport.reliability : undefined;
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
    this.#connection.hurry();
  }

  async getStats(): Promise<SessionStats | undefined> {
    return this.#welcome ? this.#connection.place?.session.transport.getStats() : undefined;
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
    const { place } = this.#connection;
    if (this.#welcome && place) participant.onOpen(place.session, this.#welcome);
    return () => this.#participants.delete(participant);
  }

  #onOpen(place: Place, wire: WireWelcome): void {
    const welcome = welcomeOf(wire);
    this.#welcome = welcome;
    this.#relay = relayOf(place);
    this.#everOpen = true;
    // Before anybody hears of it, so that listeners find it as it is.
    this.#state = 'open';
    for (const participant of [...this.#participants]) participant.onOpen(place.session, welcome);
    this.#setState('open');
    this.#emit('relay', this.#relay);
    for (const liver of wire.livers) this.#emit('liver', this.#livers.came(liver));
    const before = this.#before;
    this.#before = undefined;
    if (before && before.from.url !== this.#relay.url) {
      const { numbering, ...move } = before;
      this.#emit('moved', { ...move, to: this.#relay, overlapMs: 0, continuous: countAlike(numbering, welcome) });
    }
    this.#ready.resolve(welcome);
  }

  #onLost(error: HayateError): void {
    if (this.#relay) this.#before = { from: this.#relay, reason: error, numbering: this.#welcome?.numbering };
    this.#dropSession();
    for (const participant of this.#participants) participant.onLost(error);
  }

  #onJoin(place: Place, wire: WireWelcome): void {
    const welcome = welcomeOf(wire);
    this.#joining = new JoiningRoom({
      ...{ place, welcome },
      livers: wire.livers,
      participants: [...this.#participants],
      onReady: () => this.#connection.move(),
    });
    this.#joining.begin();
  }

  #leaveJoining(): void {
    this.#joining?.abandon();
    this.#joining = undefined;
  }

  #onMove(from: Place, to: Place, reason: HayateError, overlapMs: number): void {
    const { welcome, livers, messages } = this.#joining!;
    this.#joining = undefined;
    const continuous = countAlike(this.#welcome?.numbering, welcome);
    const before = this.#livers.bySlot;
    this.#welcome = welcome;
    this.#relay = relayOf(to);
    this.#livers = livers;
    for (const participant of [...this.#participants]) participant.onOpen(to.session, welcome);
    for (const { slot, generation } of before.values()) {
      if (!livers.bySlot.has(slot)) this.#emit('left', { slot, generation });
    }
    for (const liver of livers.bySlot.values()) {
      const known = before.get(liver.slot);
      if (!continuous || known?.generation !== liver.generation) this.#emit('liver', liver);
    }
    this.#emit('relay', this.#relay);
    this.#emit('moved', { from: relayOf(from), to: this.#relay, reason, overlapMs, continuous });
    for (const message of messages) this.#onMessage(to, message);
  }

  #onMessage(place: Place, message: RelayMessage): void {
    if (message.t === 'draining') {
      this.#connection.drains(place, message.deadlineMs);
      if (place === this.#connection.place) this.#emit('draining', { deadlineMs: message.deadlineMs });
      return;
    }
    if (place !== this.#connection.place) {
      if (place === this.#joining?.place) this.#joining.onMessage(message);
      return;
    }
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
      default:
        if (this.#community.take(message)) break;
        // `welcome` a second time, or what belongs on another stream.
        throw codeError('protocol_error', `the relay sent ${message.t} out of place`);
    }
  }

  #onDatagram(place: Place, data: Uint8Array, receivedAtUs: number): void {
    const type = data[0];
    if (type === undefined || type === DATAGRAM_TYPE.heartbeat) return;
    if (type === DATAGRAM_TYPE.probe) {
      place.session.answerProbe(data, receivedAtUs, this.nowUs());
    } else if (place === this.#connection.place) {
      for (const participant of this.#participants) participant.onDatagram(type, data, receivedAtUs);
    } else if (place === this.#joining?.place) {
      this.#joining.onDatagram(type, data, receivedAtUs);
    }
  }

  #dropSession(): void {
    this.#leaveJoining();
    this.#welcome = undefined;
    this.#relay = undefined;
    this.#livers = new LiverList();
  }

  #finish(error: HayateError): void {
    if (this.#state === 'closed') return;
    this.#dropSession();
    this.#setState('closed', error);
    this.#connection.finish(error);
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

function welcomeOf(wire: WireWelcome): Welcome {
  return {
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
    ...(wire.numbering !== undefined && { numbering: wire.numbering }),
  };
}

function countAlike(before: string | undefined, { numbering }: Welcome): boolean {
  return numbering !== undefined && numbering === before;
}

function relayOf({ relay: { url, id, region }, connectMs }: Place): RoomRelay {
  return { url, ...(id !== undefined && { id }), ...(region !== undefined && { region }), connectMs };
}
