import { randomBytes } from 'node:crypto';
import { HayateError } from '@hayate/codec/errors';
import { type Code, codeError, encodeMessage, type Report } from '@hayate/codec/messages';
import type { IncomingSession, Session } from '@hayate/transport';
import type { Logger } from 'pino';
import type { Community } from '../community/index.ts';
import type { RelayConfig } from '../config/schema.ts';
import type { GiftDesk } from '../gifts/desk.ts';
import type { MediaPlane, MediaRoom } from '../media/plane.ts';
import { Flood } from '../policy/flood.ts';
import type { LoadCounts } from '../policy/load.ts';
import { RoomDelivery } from '../policy/room.ts';
import { ReliableSession } from '../reliable/session.ts';
import type { Hub, ReliableLimits } from '../reliable/types.ts';
import { Room } from '../room/room.ts';
import type { RoomAction, RoomEvent, SessionKey } from '../room/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { TokenClaims, TokenVerifier } from '../token/token.ts';
import { Aliases } from './aliases.ts';
import { DeliveryLoop } from './delivery.ts';
import { type DeliveryStats, deliveryStats, type RoomDeliveryDetail, roomDelivery } from './delivery-stats.ts';
import { reportUplink, type UplinkReporting } from './uplink-report.ts';

const TICK_MS = 1000;
const MAX_SLOTS = 8;

interface Publisher {
  slot: number;
  session: SessionKey;
  frameMs: number | undefined;
}

export interface HostOptions {
  config: Pick<RelayConfig, 'rooms' | 'limits' | 'comments' | 'gifts'>;
  verifier: TokenVerifier;
  community: Community;
  plane: MediaPlane;
  gifts: GiftDesk | undefined;
  counters: Counters;
  log: Logger;
  /** From the session's coming to its welcome, ms. */
  onJoinMs?: (ms: number) => void;
  /** Median lag of a publisher's units over the last second, ms. */
  onUplinkLagMs?: (ms: number) => void;
  /** Budget that a viewer's network leaves, ms. */
  onSpareMs?: (ms: number) => void;
}

interface HostedRoom {
  name: string;
  alias: number;
  room: Room;
  media: MediaRoom;
  delivery: RoomDelivery;
}

interface HostedSession {
  reliable: ReliableSession;
  room: HostedRoom | undefined;
  arrivedMs: number;
  /** While it publishes. */
  flood: Flood | undefined;
}

export interface RoomInfo {
  room: string;
  members: number;
  viewers: number;
  livers: number;
}

export type RoomDetail = RoomInfo & RoomDeliveryDetail;

export interface HostStats {
  sessions: number;
  rooms: number;
  viewers: number;
  livers: number;
  /** The relay itself is the bottleneck: it sends less often. */
  busy: boolean;
  delivery: DeliveryStats;
}

/** Sessions and rooms of one relay: carries out what the room rules decide. One timer for all of them. */
export class RelayHost implements Hub {
  readonly gifts: GiftDesk | undefined;
  readonly #options: HostOptions;
  readonly #limits: ReliableLimits;
  readonly #rooms = new Map<string, HostedRoom>();
  readonly #sessions = new Map<SessionKey, HostedSession>();
  readonly #keys = new Map<Session, SessionKey>();
  readonly #delivery: DeliveryLoop;
  readonly #uplinks: UplinkReporting;
  readonly #aliases = new Aliases();
  /** Tells session names of different runs apart in logs. */
  readonly #run = randomBytes(4).toString('hex');
  readonly #timer: ReturnType<typeof setInterval>;
  #nextKey = 1;
  #draining = false;
  #emptied: (() => void) | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    this.gifts = options.gifts;
    const { limits, comments, gifts } = options.config;
    this.#limits = {
      helloMs: limits.helloMs,
      controlQueueBytes: limits.controlQueueBytes,
      commentQueueBytes: comments.queueBytes,
      commentsPerSecond: comments.perSecond,
      commentBurst: comments.burst,
      giftsPerSecond: gifts.perSecond,
      giftBurst: gifts.burst,
    };
    this.#timer = setInterval(() => this.tick(), TICK_MS);
    const { counters } = options;
    this.#uplinks = {
      counters,
      unitsPerSecond: limits.unitsPerSecond,
      nowMs: () => this.nowMs(),
      onLagMs: (ms) => options.onUplinkLagMs?.(ms),
    };
    this.#delivery = new DeliveryLoop({
      targets: () => this.#rooms.values(),
      keyOf: (session) => this.#keys.get(session),
      nowMs: () => this.nowMs(),
      load: () => this.#load(),
      onChange: ({ why }) => counters.add('delivery_changes', why),
      onSpareMs: (ms) => options.onSpareMs?.(ms),
      onRepairBytes: (bytes) => counters.add('repair_bytes', '', bytes),
    });
  }

  async #load(): Promise<LoadCounts | undefined> {
    const { cpu_us, dropped_overload } = await this.#options.plane.stats();
    return cpu_us === undefined ? undefined : { cpuUs: cpu_us, dropped: dropped_overload ?? 0 };
  }

  accept({ session: transport, origin }: IncomingSession): void {
    const key = this.#nextKey++;
    this.#options.counters.add('sessions');
    this.#options.plane.accept(transport);
    this.#options.log.debug({ session: key, from: transport.remoteAddress, origin }, 'session');
    const reliable = new ReliableSession(key, transport, this, this.#limits);
    this.#sessions.set(key, { reliable, room: undefined, arrivedMs: this.nowMs(), flood: undefined });
    this.#keys.set(transport, key);
    // It was let in just before the draining began.
    if (this.#draining) reliable.close('draining', 'the relay is going away');
  }

  rooms(): RoomInfo[] {
    return [...this.#rooms.values()].map(infoOf);
  }

  /** Undefined when there is no such room. */
  room(name: string): RoomDetail | undefined {
    const hosted = this.#rooms.get(name);
    if (!hosted) return undefined;
    return { ...infoOf(hosted), ...roomDelivery(hosted.delivery, (session) => this.#nameOf(session)) };
  }

  stats(): HostStats {
    let viewers = 0;
    let livers = 0;
    for (const { room } of this.#rooms.values()) {
      viewers += room.viewerCount;
      livers += room.livers().length;
    }
    const delivery = deliveryStats([...this.#rooms.values()].map((hosted) => hosted.delivery));
    return {
      sessions: this.#sessions.size,
      rooms: this.#rooms.size,
      viewers,
      livers,
      busy: this.#delivery.busy,
      delivery,
    };
  }

  /** Ends every session of the room with `room_closed`. False when there is no such room. */
  closeRoom(name: string): boolean {
    const hosted = this.#rooms.get(name);
    if (!hosted) return false;
    this.#dispatch(hosted, { type: 'close' });
    return true;
  }

  /** Tells everybody to go, and resolves when they have, or at the deadline after closing the rest with `draining`. */
  async drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    const message = encodeMessage({ t: 'draining', deadlineMs });
    for (const { reliable } of this.#sessions.values()) {
      if (reliable.open) reliable.sendEncoded(message);
      else reliable.close('draining', 'the relay is going away');
    }
    if (this.#sessions.size > 0) {
      const left = Promise.withResolvers<void>();
      this.#emptied = left.resolve;
      const timer = setTimeout(left.resolve, deadlineMs);
      await left.promise;
      clearTimeout(timer);
    }
    this.#closeAll();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#delivery.close();
    this.#draining = true;
    this.#closeAll();
    for (const hosted of [...this.#rooms.values()]) this.#vanish(hosted);
  }

  #closeAll(): void {
    for (const { reliable } of this.#sessions.values()) reliable.close('draining', 'the relay is going away');
  }

  /** Once a second: rooms' deadlines and the publishers' reports. */
  tick(): void {
    for (const hosted of [...this.#rooms.values()]) {
      this.#dispatch(hosted, { type: 'tick' });
      for (const publisher of hosted.room.publishers()) this.#report(hosted, publisher);
    }
  }

  // Hub: what the sessions' reliable halves call.

  nowMs(): number {
    return performance.now();
  }

  dateMs(): number {
    return Date.now();
  }

  async authenticate(token: string): Promise<TokenClaims> {
    const claims = await this.#options.verifier.verify(token, this.dateMs());
    this.#options.community.check(claims);
    if (claims.permissions.length === 0) throw new HayateError('not_permitted', 'the token permits nothing');
    if (this.#draining) throw codeError('draining', 'the relay is going away');
    return claims;
  }

  joining(reliable: ReliableSession, claims: TokenClaims): void {
    const session = this.#sessions.get(reliable.key);
    if (!session) return;
    const hosted = this.#rooms.get(claims.room) ?? this.#open(claims.room);
    if (!hosted) {
      reliable.close('overloaded', 'this relay has all the rooms it may have');
      return;
    }
    session.room = hosted;
    // Signed by the backend; never more than this relay's own.
    if (claims.budgetMs !== undefined) {
      hosted.delivery.budgetMs = Math.min(this.#options.config.rooms.budgetMs, claims.budgetMs);
    }
    const { sub, name, roles, permissions, exp } = claims;
    const identity = { sub, roles, permissions, expiresAt: exp * 1000, ...(name === undefined ? {} : { name }) };
    this.#dispatch(hosted, { type: 'join', session: reliable.key, identity });
    if (!reliable.open) return;
    this.#options.onJoinMs?.(this.nowMs() - session.arrivedMs);
    this.#options.log.debug({ session: reliable.key, room: claims.room, sub, roles }, 'joined');
  }

  request(reliable: ReliableSession, event: RoomEvent): void {
    const hosted = this.#sessions.get(reliable.key)?.room;
    if (hosted) this.#dispatch(hosted, event);
  }

  limited(): void {
    this.#options.counters.add('refused', 'rate_limited');
  }

  report(reliable: ReliableSession, { marginMs, asks }: Report, taken: boolean): void {
    this.#options.counters.add('reports', taken ? 'taken' : 'ignored');
    if (!taken) return;
    const delivery = this.#sessions.get(reliable.key)?.room?.delivery;
    delivery?.report(reliable.key, { marginMs, asks: asks === true }, this.nowMs());
  }

  fault(reliable: ReliableSession, error: unknown): void {
    this.#options.log.error({ session: reliable.key, err: error }, 'fault');
    reliable.close('internal', 'a fault of the relay');
  }

  closing(reliable: ReliableSession, code: Code): void {
    if (code !== 'closed') this.#options.counters.add('refused', code);
    this.#options.log.debug({ session: reliable.key, code }, 'closing');
  }

  ended(reliable: ReliableSession, clean: boolean): void {
    const session = this.#sessions.get(reliable.key);
    if (!session) return;
    this.#sessions.delete(reliable.key);
    this.#keys.delete(reliable.transport);
    if (session.room) this.#dispatch(session.room, { type: 'leave', session: reliable.key, clean });
    this.#options.plane.forget(reliable.transport);
    this.#options.log.debug({ session: reliable.key, clean }, 'ended');
    if (this.#sessions.size === 0) this.#emptied?.();
  }

  // Rooms.

  #open(name: string): HostedRoom | undefined {
    const { rooms } = this.#options.config;
    if (this.#rooms.size >= rooms.max) return undefined;
    const alias = this.#aliases.take();
    const media = this.#options.plane.openRoom({
      alias,
      maxAgeMs: rooms.maxAgeMs,
      maxAheadMs: rooms.maxAheadMs,
      maxMembers: rooms.maxViewers + MAX_SLOTS,
    });
    const caps = { viewerBytes: rooms.viewerRepairBytes, roomBytes: rooms.roomRepairBytes };
    const delivery = new RoomDelivery(rooms.budgetMs, caps);
    const hosted = { name, alias, room: new Room(rooms, this.nowMs()), media, delivery };
    this.#rooms.set(name, hosted);
    this.#options.log.debug({ room: name, alias }, 'room opened');
    return hosted;
  }

  #vanish(hosted: HostedRoom): void {
    hosted.media.close();
    this.#rooms.delete(hosted.name);
    this.#aliases.give(hosted.alias);
    this.#options.log.debug({ room: hosted.name }, 'room gone');
  }

  #dispatch(hosted: HostedRoom, event: RoomEvent): void {
    for (const action of hosted.room.handle(event, this.nowMs())) {
      try {
        this.#apply(hosted, action);
      } catch (error) {
        // A fault with one session or room is no reason to end all the others.
        this.#options.counters.add('refused', 'internal');
        this.#options.log.error({ room: hosted.name, action: action.do, err: error }, 'fault');
      }
    }
  }

  #apply(hosted: HostedRoom, action: RoomAction): void {
    const { media } = hosted;
    switch (action.do) {
      case 'welcome':
        this.#welcome(hosted, action);
        return;
      case 'publishing':
        this.#of(action.session)?.send({ t: 'publishing', id: action.id, slot: action.slot, gen: action.gen });
        return;
      case 'done':
        this.#of(action.session)?.answer({ t: 'done', id: action.id }, action.on);
        return;
      case 'refuse': {
        const { retryable } = codeError(action.code, '');
        this.#options.counters.add('refused', action.code);
        this.#of(action.session)?.refuse(action.id, action.code, action.message, retryable, action.on);
        return;
      }
      case 'liver':
        this.#tellAll(hosted, encodeMessage({ t: 'liver', ...action.liver }));
        return;
      case 'left':
        this.#tellAll(hosted, encodeMessage({ t: 'left', slot: action.slot, gen: action.gen }));
        return;
      case 'comment':
        this.#comment(action);
        return;
      case 'mediaPublish':
        this.#publish(hosted, action);
        return;
      case 'mediaUnpublish':
        hosted.delivery.unpublished(action.slot);
        media.unpublish(action.slot);
        return;
      case 'mediaJoin':
        this.#mediaJoin(hosted, action.session);
        return;
      case 'mediaLeave': {
        hosted.delivery.unwatched(action.session);
        const transport = this.#of(action.session)?.transport;
        if (transport) media.leave(transport);
        return;
      }
      case 'closeSession':
        this.#of(action.session)?.close(action.code, action.reason);
        return;
      case 'vanish':
        this.#vanish(hosted);
        return;
    }
  }

  #of(session: SessionKey): ReliableSession | undefined {
    return this.#sessions.get(session)?.reliable;
  }

  #nameOf(session: SessionKey): string {
    return `${this.#run}-${session}`;
  }

  #welcome(hosted: HostedRoom, { session, livers, identity }: Extract<RoomAction, { do: 'welcome' }>): void {
    const reliable = this.#of(session);
    if (!reliable) return;
    this.#options.plane.admit(reliable.transport);
    reliable.send({
      t: 'welcome',
      v: 1,
      session: this.#nameOf(session),
      room: hosted.name,
      alias: hosted.alias,
      sub: identity.sub,
      ...(identity.name === undefined ? {} : { name: identity.name }),
      roles: [...identity.roles],
      permissions: [...identity.permissions],
      expiresAt: identity.expiresAt,
      budgetMs: hosted.delivery.budgetMs,
      livers,
    });
  }

  #report(hosted: HostedRoom, publisher: Publisher): void {
    const session = this.#sessions.get(publisher.session);
    if (!session?.flood) return;
    const { reliable, flood } = session;
    void reportUplink({ ...publisher, reliable, flood, media: hosted.media, delivery: hosted.delivery }, this.#uplinks);
  }

  #tellAll(hosted: HostedRoom, message: Uint8Array): void {
    for (const session of hosted.room.members()) this.#of(session)?.sendEncoded(message);
  }

  #comment({ to, n, sub, name, text, at }: Extract<RoomAction, { do: 'comment' }>): void {
    const message = encodeMessage({ t: 'comment', n, sub, ...(name === undefined ? {} : { name }), text, at });
    const { counters } = this.#options;
    counters.add('comments');
    for (const session of to) {
      if (this.#of(session)?.sendComment(message) === false) counters.add('comments_dropped');
    }
  }

  #publish(hosted: HostedRoom, { session, slot, gen }: Extract<RoomAction, { do: 'mediaPublish' }>): void {
    const transport = this.#of(session)?.transport;
    if (!transport) return;
    this.#sessions.get(session)!.flood = new Flood(this.#options.config.limits.unitsPerSecond);
    const tell = (type: 'synced' | 'unsynced') => this.#dispatch(hosted, { type, session, slot, gen });
    hosted.media.publish(transport, slot, gen).then(
      () => tell('synced'),
      (error: unknown) => {
        this.#options.log.debug({ session, slot, err: error }, 'publish not synced');
        tell('unsynced');
      },
    );
  }

  #mediaJoin(hosted: HostedRoom, session: SessionKey): void {
    const reliable = this.#of(session);
    try {
      if (!reliable) return;
      hosted.media.join(reliable.transport);
      hosted.delivery.watching(session);
    } catch (error) {
      if (reliable) this.fault(reliable, error);
    }
  }
}

function infoOf({ name, room }: HostedRoom): RoomInfo {
  return { room: name, members: room.memberCount, viewers: room.viewerCount, livers: room.livers().length };
}
