import { HayateError } from '@hayate/codec/errors';
import { type Code, codeError, encodeMessage, type Permission, type Report, rowOf } from '@hayate/codec/messages';
import type { IncomingSession } from '@hayate/transport';
import type { Logger } from 'pino';
import type { CommentFilter } from '../comments/filter.ts';
import { systemClock } from '../comments/open.ts';
import { RoomComments } from '../comments/room.ts';
import type { Community } from '../community/index.ts';
import type { RelayConfig } from '../config/schema.ts';
import type { GiftDesk } from '../gifts/desk.ts';
import type { JoinLimits } from '../joins/limits.ts';
import type { MediaPlane } from '../media/plane.ts';
import type { LoadCounts } from '../policy/load.ts';
import { ReliableSession } from '../reliable/session.ts';
import type { Hub, ReliableLimits } from '../reliable/types.ts';
import type { Room } from '../room/room.ts';
import type { Identity, RoomEvent } from '../room/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import { ResumeTokens } from '../token/resume.ts';
import type { TokenClaims, TokenVerifier } from '../token/token.ts';
import { RoomActions } from './actions.ts';
import { DeliveryLoop } from './delivery.ts';
import { type DeliveryStats, deliveryStats, roomDelivery } from './delivery-stats.ts';
import type { RoomLifecycle } from './lifecycle.ts';
import { LiveTokens } from './live-tokens.ts';
import { News } from './news.ts';
import { type HostedRoom, infoOf, type RoomDetail, type RoomInfo, Rooms, type RoomTotals } from './rooms.ts';
import { ServiceModeration } from './service-moderation.ts';
import { type HostedSession, Sessions } from './sessions.ts';
import { reportUplink, type UplinkReporting } from './uplink-report.ts';

const TICK_MS = 1000;

export interface HostOptions {
  config: Pick<RelayConfig, 'rooms' | 'limits' | 'comments' | 'gifts'>;
  joins: JoinLimits;
  lifecycle: RoomLifecycle;
  verifier: TokenVerifier;
  community: Community;
  plane: MediaPlane;
  gifts: GiftDesk | undefined;
  /** Of comments. */
  filter: CommentFilter | undefined;
  counters: Counters;
  log: Logger;
  /** From the session's coming to its welcome, ms. */
  onJoinMs?: (ms: number) => void;
  /** Median lag of a publisher's units over the last second, ms. */
  onUplinkLagMs?: (ms: number) => void;
  /** Budget that a viewer's network leaves, ms. */
  onSpareMs?: (ms: number) => void;
}

export interface HostStats extends RoomTotals {
  sessions: number;
  /** The relay itself is the bottleneck: it sends less often. */
  busy: boolean;
  delivery: DeliveryStats;
}

/** Sessions and rooms of one relay: carries out what the room rules decide. One timer for all of them. */
export class RelayHost implements Hub {
  readonly gifts: GiftDesk | undefined;
  /** For the service API. */
  readonly moderation: ServiceModeration;
  readonly #options: HostOptions;
  readonly #limits: ReliableLimits;
  readonly #rooms: Rooms;
  readonly #sessions = new Sessions();
  readonly #resume = new ResumeTokens();
  readonly #tokens = new LiveTokens(this.#sessions);
  readonly #actions: RoomActions;
  readonly #delivery: DeliveryLoop;
  readonly #uplinks: UplinkReporting;
  readonly #timer: ReturnType<typeof setInterval>;
  #nextKey = 1;
  #draining = false;
  #emptied: (() => void) | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    this.gifts = options.gifts;
    const { rooms, limits, comments, gifts } = options.config;
    const [clock, counts, rates, filter] = [systemClock, options.counters, comments, options.filter];
    this.#rooms = new Rooms({
      limits: rooms,
      plane: options.plane,
      comments: (room, rules) => new RoomComments({ room, rules, filter, rates, clock, counts }),
      news: (room) => this.#news(room),
    });
    this.#limits = {
      helloMs: limits.helloMs,
      controlQueueBytes: limits.controlQueueBytes,
      commentQueueBytes: comments.queueBytes,
      giftsPerSecond: gifts.perSecond,
      giftBurst: gifts.burst,
    };
    this.#timer = setInterval(() => this.tick(), TICK_MS);
    const { counters, community } = options;
    this.#actions = new RoomActions({
      sessions: this.#sessions,
      plane: options.plane,
      community: options.community,
      resume: this.#resume,
      unitsPerSecond: limits.unitsPerSecond,
      counters,
      log: options.log,
      nowMs: () => this.nowMs(),
      dateMs: () => this.dateMs(),
      vanish: (hosted) => this.#vanish(hosted),
      lifecycle: options.lifecycle,
    });
    const nowMs = () => this.nowMs();
    this.moderation = new ServiceModeration({ rooms: this.#rooms, actions: this.#actions, community, nowMs });
    community.subscribe({
      banned: ({ room, subject, reason }) => {
        const hosted = this.#rooms.get(room);
        if (hosted) this.#actions.dispatch(hosted, { type: 'banned', sub: subject, reason });
      },
      revoked: (isMeant) => this.#tokens.revoke(isMeant),
    });
    this.#uplinks = {
      counters,
      unitsPerSecond: limits.unitsPerSecond,
      nowMs: () => this.nowMs(),
      onLagMs: (ms) => options.onUplinkLagMs?.(ms),
    };
    this.#delivery = new DeliveryLoop({
      targets: () => this.#rooms.values(),
      keyOf: (session) => this.#sessions.keyOf(session),
      nowMs: () => this.nowMs(),
      load: () => this.#load(),
      onChange: ({ why }) => counters.add('delivery_changes', why),
      onSpareMs: (ms) => options.onSpareMs?.(ms),
      onRepairBytes: (bytes) => counters.add('repair_bytes', '', bytes),
    });
  }

  async #load(): Promise<LoadCounts | undefined> {
    const { cpu_us, waited_us = 0, dropped_overload = 0 } = await this.#options.plane.stats();
    return cpu_us === undefined ? undefined : { cpuUs: cpu_us, waitedUs: waited_us, dropped: dropped_overload };
  }

  accept({ session: transport, origin }: IncomingSession): void {
    const key = this.#nextKey++;
    this.#options.counters.add('sessions');
    this.#options.plane.accept(transport);
    this.#options.log.debug({ session: key, from: transport.remoteAddress, origin }, 'session');
    const reliable = new ReliableSession(key, transport, this, this.#limits);
    this.#sessions.add(reliable, this.nowMs());
    // It was let in just before the draining began.
    if (this.#draining) reliable.close('draining', 'the relay is going away');
    else if (!this.#options.joins.connect(transport.remoteAddress, this.nowMs())) {
      this.#options.counters.add('joins_limited', 'address');
      reliable.close('rate_limited', 'too many sessions of this address in so short a time');
    }
  }

  rooms(): RoomInfo[] {
    return [...this.#rooms.values()].map(infoOf);
  }

  /** Undefined when there is no such room. */
  room(name: string): RoomDetail | undefined {
    const hosted = this.#rooms.get(name);
    if (!hosted) return undefined;
    return { ...infoOf(hosted), ...roomDelivery(hosted.delivery, (session) => this.#sessions.nameOf(session)) };
  }

  stats(): HostStats {
    const delivery = deliveryStats([...this.#rooms.values()].map((hosted) => hosted.delivery));
    return { sessions: this.#sessions.size, ...this.#rooms.totals(), busy: this.#delivery.busy, delivery };
  }

  /** Ends every session of the room with `room_closed`. False when there is no such room. */
  closeRoom(name: string): boolean {
    const hosted = this.#rooms.get(name);
    if (!hosted) return false;
    this.#actions.dispatch(hosted, { type: 'close' });
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

  /** Once a second: tokens that end, rooms' deadlines and the publishers' reports. */
  tick(): void {
    this.#tokens.expire(this.dateMs());
    for (const hosted of [...this.#rooms.values()]) {
      this.#actions.dispatch(hosted, { type: 'tick' });
      this.#report(hosted);
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

  joining(reliable: ReliableSession, claims: TokenClaims, resume: string | undefined): void {
    const { key } = reliable;
    const session = this.#sessions.get(key);
    if (!session) return;
    const { room, sub, isNew } = claims;
    const hosted = this.#rooms.get(room) ?? this.#open(room);
    if (!hosted) {
      reliable.close('overloaded', 'this relay has all the rooms it may have');
      return;
    }
    if (!this.#options.joins.enter(sub)) {
      this.#options.counters.add('joins_limited', 'subject');
      reliable.close('rate_limited', 'too many sessions of this person at once');
      return;
    }
    session.sub = sub;
    session.room = hosted;
    // Signed by the backend; never more than this relay's own.
    if (claims.budgetMs !== undefined) {
      hosted.delivery.budgetMs = Math.min(this.#options.config.rooms.budgetMs, claims.budgetMs);
    }
    const former = resume === undefined ? undefined : this.#resume.read(resume, room, sub);
    this.#actions.dispatch(hosted, {
      type: 'join',
      session: key,
      identity: identityOf(claims),
      ...(isNew === undefined ? {} : { isNew }),
      ...(former === undefined ? {} : { resume: former }),
    });
    if (!reliable.open) return;
    this.#tokens.hold(session, claims);
    this.#options.onJoinMs?.(this.nowMs() - session.arrivedMs);
    this.#options.log.debug({ session: key, room, sub, roles: claims.roles }, 'joined');
    void this.#options.community.visit(room, sub).then((visit) => {
      if (visit && isNew === undefined) {
        this.request(reliable, { type: 'visited', session: key, isNew: visit.count === 1 });
      }
    });
  }

  async refresh(reliable: ReliableSession, id: number, token: string): Promise<void> {
    const session = this.#sessions.get(reliable.key);
    const before = session?.claims;
    if (!session || !before) return;
    try {
      const claims = await this.authenticate(token);
      if (claims.sub !== before.sub || claims.room !== before.room) {
        throw codeError('token_invalid', 'a token of another person or room');
      }
      // It may have ended meanwhile.
      if (!reliable.open) return;
      this.#tokens.hold(session, claims);
      this.request(reliable, { type: 'refresh', session: reliable.key, id, identity: identityOf(claims) });
    } catch (error) {
      const row = rowOf(error);
      if (!row) return this.fault(reliable, error);
      this.#options.counters.add('refused', row.code);
      reliable.refuse(id, row.code, (error as HayateError).message, row.retryable);
    }
  }

  may(reliable: ReliableSession, permission: Permission): boolean {
    return this.#sessions.get(reliable.key)?.room?.room.may(reliable.key, permission) ?? false;
  }

  request(reliable: ReliableSession, event: RoomEvent): void {
    const hosted = this.#sessions.get(reliable.key)?.room;
    if (hosted) this.#actions.dispatch(hosted, event);
  }

  comments(reliable: ReliableSession): RoomComments | undefined {
    return this.#sessions.get(reliable.key)?.room?.comments;
  }

  refused(code: Code): void {
    this.#options.counters.add('refused', code);
  }

  lossOf(reliable: ReliableSession): number | undefined {
    return this.#sessions.get(reliable.key)?.room?.delivery.lossOf(reliable.key);
  }

  dropped(comments: number): void {
    this.#options.counters.add('comments_dropped', '', comments);
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
    const session = this.#sessions.remove(reliable);
    if (!session) return;
    this.#tokens.forget(reliable.key);
    if (session.sub !== undefined) this.#options.joins.leave(session.sub);
    if (session.room) this.#left(session.room, session, clean);
    this.#options.plane.forget(reliable.transport);
    this.#options.log.debug({ session: reliable.key, clean }, 'ended');
    if (this.#sessions.size === 0) this.#emptied?.();
  }

  #left(hosted: HostedRoom, { reliable: { key }, sub = '' }: HostedSession, clean: boolean): void {
    for (const { slot, session } of clean ? [] : hosted.room.publishers()) {
      if (session === key) this.#options.lifecycle.broke(hosted.name, slot, sub);
    }
    this.#actions.dispatch(hosted, { type: 'leave', session: key, clean });
  }

  #news(room: Room): News {
    return new News({
      sessions: this.#sessions,
      listens: (session) => room.listens(session),
      after: (ms, callback) => systemClock.after(ms, callback),
      behind: (session) => {
        this.#options.counters.add('presence_put_off');
        // It changes what the next tick does, and nothing now.
        room.handle({ type: 'behind', session }, this.nowMs());
      },
    });
  }

  #open(name: string): HostedRoom | undefined {
    const hosted = this.#rooms.open(name, this.nowMs());
    if (hosted) this.#options.lifecycle.opened(name, this.dateMs());
    if (hosted) this.#options.log.debug({ room: name, alias: hosted.alias }, 'room opened');
    return hosted;
  }

  #vanish(hosted: HostedRoom): void {
    this.#rooms.vanish(hosted);
    this.#options.lifecycle.vanished(hosted.name, this.#draining ? 'relay' : 'empty');
    this.#options.log.debug({ room: hosted.name }, 'room gone');
  }

  #report(hosted: HostedRoom): void {
    for (const publisher of hosted.room.publishers()) {
      const session = this.#sessions.get(publisher.session);
      if (!session?.flood) continue;
      const { reliable, flood } = session;
      const { media, delivery } = hosted;
      void reportUplink({ ...publisher, reliable, flood, media, delivery }, this.#uplinks);
    }
  }
}

function identityOf({ sub, name, roles, permissions, exp }: TokenClaims): Identity {
  return { sub, roles, permissions, expiresAt: exp * 1000, ...(name === undefined ? {} : { name }) };
}
