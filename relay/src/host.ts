import { type Code, encodeMessage, type Permission, type Report } from '@hayate/codec/messages';
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
import type { RoomEvent } from '../room/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { DrainTrace } from '../telemetry/traces/hand-overs.ts';
import { logged } from '../telemetry/traces/ids.ts';
import type { RelayTraces } from '../telemetry/traces/open.ts';
import { ResumeTokens } from '../token/resume.ts';
import type { TokenClaims, TokenVerifier } from '../token/token.ts';
import { RoomActions } from './actions.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';
import { ClusterModeration } from './cluster-moderation.ts';
import { DeliveryLoop } from './delivery.ts';
import { type DeliveryStats, deliveryStats, roomDelivery } from './delivery-stats.ts';
import { Joining } from './joining.ts';
import type { RoomLifecycle } from './lifecycle.ts';
import { LiveTokens } from './live-tokens.ts';
import { News } from './news.ts';
import { type HostedRoom, infoOf, type RoomDetail, type RoomInfo, Rooms, type RoomTotals } from './rooms.ts';
import { routeOf } from './route.ts';
import { ServiceModeration } from './service-moderation.ts';
import { type HostedSession, Sessions } from './sessions.ts';
import { noteElsewhere, reportUplink, type UplinkReporting } from './uplink-report.ts';

const TICK_MS = 1000;
/** How long a relay that everybody has left stays for other relays, and how often it looks. */
const NEEDED_MS = 4000;
const NEEDED_LOOK_MS = 50;

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
  /** Undefined: this relay is alone. */
  cluster: ClusterOptions | undefined;
  counters: Counters;
  log: Logger;
  traces: RelayTraces | undefined;
  /** From the session's coming to its welcome, ms. */
  onJoinMs?: (ms: number) => void;
  /** Median lag of a publisher's units over the last second, ms. */
  onUplinkLagMs?: (ms: number) => void;
  /** Budget that a viewer's network leaves, ms. */
  onSpareMs?: (ms: number) => void;
  /** What a viewer says of itself. @param viewer stands for its session as long as that lives */
  onReport?: (viewer: object, report: Report, nowMs: number) => void;
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
  readonly cluster: Cluster | undefined;
  readonly #together: ClusterModeration;
  readonly #options: HostOptions;
  readonly #limits: ReliableLimits;
  readonly #rooms: Rooms;
  readonly #sessions = new Sessions();
  readonly #resume = new ResumeTokens();
  readonly #tokens = new LiveTokens(this.#sessions);
  readonly #joining: Joining;
  readonly #actions: RoomActions;
  readonly #delivery: DeliveryLoop;
  readonly #uplinks: UplinkReporting;
  readonly #timer: ReturnType<typeof setInterval>;
  #nextKey = 1;
  #draining = false;
  #emptied: (() => void) | undefined;
  #drain: DrainTrace | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    this.gifts = options.gifts;
    const { rooms, limits, comments, gifts } = options.config;
    const [clock, counts, rates, filter] = [systemClock, options.counters, comments, options.filter];
    this.#rooms = new Rooms({
      limits: rooms,
      unitsPerSecond: limits.unitsPerSecond,
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
    const nowMs = () => this.nowMs();
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
      decided: (hosted, action) => this.cluster?.decided(hosted, action),
      numbering: (hosted) => this.cluster?.numbering(hosted),
      lifecycle: options.lifecycle,
    });
    this.cluster = options.cluster && this.#startCluster(options.cluster);
    this.#together = new ClusterModeration({
      bridge: (hosted) => this.cluster?.bridge(hosted),
      nowMs,
      subOf: (session) => this.#sessions.get(session)?.sub ?? '',
      carryOut: (hosted, actions) => this.#actions.carryOut(hosted, actions),
    });
    this.#joining = new Joining({
      ...options,
      traces: options.traces?.joins,
      sessions: this.#sessions,
      tokens: this.#tokens,
      resume: this.#resume,
      budgetMs: rooms.budgetMs,
      nowMs: () => this.nowMs(),
      dateMs: () => this.dateMs(),
      draining: () => this.#draining,
      room: (name) => this.#rooms.get(name) ?? this.#open(name),
      ready: (hosted) => this.cluster?.ready(hosted),
      joined: (hosted) => this.cluster?.joined(hosted),
      dispatch: (hosted, event) => this.#actions.dispatch(hosted, event),
      fault: (reliable, error) => this.fault(reliable, error),
    });
    this.moderation = new ServiceModeration({
      ...{ rooms: this.#rooms, actions: this.#actions, community, nowMs },
      pass: (hosted, order, by) => this.#together.pass(hosted, order, by),
    });
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
    // An engine that was closed before its relay has no figures.
    const figures: Record<string, number> = await this.#options.plane.stats().catch(() => ({}));
    const { cpu_us, waited_us = 0, dropped_overload = 0 } = figures;
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

  hosted(): IterableIterator<HostedRoom> {
    return this.#rooms.values();
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
    this.#together.pass(hosted, { action: 'close' }, '');
    return true;
  }

  /** Tells everybody to go and lets nobody in. Who does not go stays. @param words for the log */
  retire(deadlineMs: number, words: string): void {
    this.#draining = true;
    this.#drain ??= this.#options.traces?.handOvers.drain(this.#sessions.size, this.#rooms.totals().rooms);
    this.#options.log.info({ deadlineMs, sessions: this.#sessions.size, ...logged(this.#drain?.ids) }, words);
    this.cluster?.drain();
    const message = encodeMessage({ t: 'draining', deadlineMs });
    for (const { reliable } of this.#sessions.values()) {
      if (reliable.open) reliable.sendEncoded(message);
      else reliable.close('draining', 'the relay is going away');
    }
    if (this.#sessions.size === 0) this.#drain?.end(0);
  }

  /** Tells everybody to go, and resolves when they have, or at the deadline after closing the rest with `draining`. */
  async drain(deadlineMs: number): Promise<void> {
    this.retire(deadlineMs, 'draining');
    if (this.#sessions.size > 0) {
      const left = Promise.withResolvers<void>();
      this.#emptied = left.resolve;
      const timer = setTimeout(left.resolve, deadlineMs);
      await left.promise;
      clearTimeout(timer);
    }
    this.#closeAll();
    // Others have rooms from here until they have found another way.
    for (const untilMs = this.nowMs() + NEEDED_MS; this.cluster?.needed && this.nowMs() < untilMs; ) {
      await new Promise((resolve) => setTimeout(resolve, NEEDED_LOOK_MS));
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#delivery.close();
    this.#draining = true;
    this.#closeAll();
    for (const hosted of [...this.#rooms.values()]) this.#vanish(hosted);
    this.cluster?.close();
  }

  #closeAll(): void {
    this.#drain?.end(this.#sessions.size);
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

  authenticate(reliable: ReliableSession, token: string): Promise<TokenClaims> {
    return this.#joining.authenticate(reliable, token);
  }

  joining(reliable: ReliableSession, claims: TokenClaims, resume: string | undefined): void | Promise<void> {
    return this.#joining.join(reliable, claims, resume);
  }

  refresh(reliable: ReliableSession, id: number, token: string): Promise<void> {
    return this.#joining.refresh(reliable, id, token);
  }

  may(reliable: ReliableSession, permission: Permission): boolean {
    return this.#sessions.get(reliable.key)?.room?.room.may(reliable.key, permission) ?? false;
  }

  request(reliable: ReliableSession, event: RoomEvent): void {
    const hosted = this.#sessions.get(reliable.key)?.room;
    if (!hosted || (event.type === 'moderate' && this.#together.take(hosted, event))) return;
    this.#actions.dispatch(hosted, event);
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

  report(reliable: ReliableSession, report: Report, taken: boolean): void {
    this.#options.counters.add('reports', taken ? 'taken' : 'ignored');
    if (!taken) return;
    const [{ marginMs, asks }, nowMs] = [report, this.nowMs()];
    const delivery = this.#sessions.get(reliable.key)?.room?.delivery;
    delivery?.report(reliable.key, { marginMs, asks: asks === true }, nowMs);
    this.#options.onReport?.(reliable, report, nowMs);
  }

  async route(reliable: ReliableSession, id: number): Promise<void> {
    const hosted = this.#sessions.get(reliable.key)?.room;
    if (!hosted) return;
    const feeders = await this.cluster?.feeders(hosted).catch(() => undefined);
    reliable.send({ t: 'route', id, ...routeOf(hosted.delivery, reliable.key, feeders), ...this.#name() });
  }

  #name(): { relay?: string; region?: string } {
    const self = this.#options.cluster?.self;
    return self ? { relay: self.id, region: self.region } : {};
  }

  fault(reliable: ReliableSession, error: unknown): void {
    this.#options.log.error({ session: reliable.key, err: error }, 'fault');
    reliable.close('internal', 'a fault of the relay');
  }

  closing(reliable: ReliableSession, code: Code): void {
    if (code !== 'closed') this.#options.counters.add('refused', code);
    const trace = this.#sessions.get(reliable.key)?.trace;
    trace?.refused(code);
    this.#options.log.debug({ session: reliable.key, code, ...logged(trace?.ids) }, 'closing');
  }

  ended(reliable: ReliableSession, clean: boolean): void {
    const session = this.#sessions.remove(reliable);
    if (!session) return;
    session.trace?.refused('gone');
    this.#tokens.forget(reliable.key);
    if (session.sub !== undefined) this.#options.joins.leave(session.sub);
    if (session.room) this.#left(session.room, session, clean);
    this.#options.plane.forget(reliable.transport);
    this.#options.log.debug({ session: reliable.key, clean }, 'ended');
    if (this.#sessions.size > 0) return;
    this.#drain?.end(0);
    this.#emptied?.();
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
    if (!hosted) return undefined;
    this.#options.log.debug({ room: name, alias: hosted.alias }, 'room opened');
    if (this.cluster) this.cluster.opened(hosted);
    else this.#options.lifecycle.opened(name, this.dateMs());
    return hosted;
  }

  #startCluster(options: ClusterOptions): Cluster {
    return new Cluster(options, {
      nowMs: () => this.nowMs(),
      room: (name) => this.#rooms.get(name),
      open: (name) => this.#open(name),
      dispatch: (hosted, event) => this.#actions.dispatch(hosted, event),
      became: ({ name }) => this.#options.lifecycle.opened(name, this.dateMs()),
    });
  }

  #vanish(hosted: HostedRoom): void {
    if (!this.#draining && this.cluster?.holds(hosted)) return;
    this.cluster?.vanished(hosted);
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
    for (const far of hosted.room.elsewhere()) void noteElsewhere({ ...far, ...hosted }, this.#uplinks.nowMs);
  }
}
