import type { Code, TrunkMessage } from '@hayate/codec/messages';
import type { Logger } from 'pino';
import type { CommentOrigin } from '../comments/room.ts';
import { type Directory, parentOf } from '../directory/index.ts';
import type { ClusterGifts } from '../gifts/cluster.ts';
import type { GivenGift } from '../gifts/desk.ts';
import type { RoomAction, RoomEvent } from '../room/types.ts';
import type { ClusterGauges } from '../telemetry/cluster.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { HandOverTraces } from '../telemetry/traces/hand-overs.ts';
import { Branch } from '../trunk/branch.ts';
import { Bridge, type Outward } from '../trunk/bridge.ts';
import { Links } from '../trunk/links.ts';
import { SecondCopies } from '../trunk/second.ts';
import type { RelayId } from '../trunk/types.ts';
import { ChildComments } from './child-comments.ts';
import { type Member, Placement } from './placement.ts';
import type { HostedRoom } from './rooms.ts';
import type { TrunkDoor } from './trunk-door.ts';
import { TrunkMedia } from './trunk-media.ts';

const TICK_MS = 100;
/** A room that the last one left is pulled for so much longer: they may come back. */
const WANTED_MS = 3000;
/** A join waits so long for a room that lives elsewhere. */
const READY_MS = 1500;

export interface ClusterOptions {
  self: { id: RelayId; region: string };
  directory: Directory;
  door: TrunkDoor;
  repairMs: number;
  /** Of a relay that takes gifts. */
  gifts?: Pick<ClusterGifts, 'origin' | 'keep'> | undefined;
  /** Shows what another relay says is durable; see `GiftDesk.given`. Undefined where no gifts are taken. */
  show: ((gift: GivenGift) => Promise<void>) | undefined;
  counters: Counters;
  log: Logger;
  traces: HandOverTraces | undefined;
}

/** What a cluster acts on: the rooms of its relay. */
export interface ClusterHost {
  nowMs(): number;
  room(name: string): HostedRoom | undefined;
  /** One that nobody here is in, because another relay pulls it. Undefined: this relay has all the rooms it may have. */
  open(name: string): HostedRoom | undefined;
  dispatch(hosted: HostedRoom, event: RoomEvent): void;
  /** This relay is the room's origin from now on. */
  became(hosted: HostedRoom): void;
}

/** Where a slot comes from. */
export interface Feeder {
  relay: RelayId;
  region?: string;
  /** The least round trip of the trunk so far, ms. */
  rttMs: number;
}

/** Makes one service of many relays: rooms here and their branches, links, media and the directory. */
export class Cluster {
  readonly links: Links;
  /** Gifts on the disks of two relays, while NATS is away. */
  readonly second: SecondCopies;
  readonly #options: ClusterOptions;
  readonly #host: ClusterHost;
  readonly #members = new Map<HostedRoom, Member>();
  readonly #placement: Placement;
  readonly #timer: ReturnType<typeof setInterval>;
  #draining = false;

  constructor(options: ClusterOptions, host: ClusterHost) {
    this.#options = options;
    this.#host = host;
    const { self, door, directory, counters, log } = options;
    this.links = new Links({
      self,
      dial: (peer) => {
        const relay = directory.relays().find(({ id }) => id === peer);
        try {
          return relay && door.dial(peer, relay.trunk, relay.region);
        } catch (error) {
          // An engine that was closed before its relay.
          log.debug({ peer, err: error }, 'no dialling');
          return undefined;
        }
      },
      identity: (session) => door.identity(session),
      nowMs: () => host.nowMs(),
      onLink: (peer, up, reason) => {
        log.info({ peer, up, reason }, 'link');
        if (!up) counters.add('trunk_links_lost');
        if (!up) this.second.lost(peer);
        for (const { bridge } of [...this.#members.values()]) bridge.handle({ type: 'link', peer, up });
      },
      onMessage: (peer, message) => this.#message(peer, message),
    });
    this.second = new SecondCopies({
      peers: () => this.#neighbours(),
      send: (peer, message) => this.links.send(peer, message),
      keep: async (gift) => {
        if (!options.gifts) throw new TypeError('this relay takes no gifts');
        await options.gifts.keep(gift);
      },
      setTimer: (run, ms) => setTimeout(run, ms),
      clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
    });
    this.#placement = new Placement(
      { ...options, links: this.links },
      {
        has: (member) => this.#members.get(member.hosted) === member,
        dispatch: (hosted, event) => host.dispatch(hosted, event),
      },
    );
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    void this.#accept();
  }

  /** A room was opened at this relay. */
  opened(hosted: HostedRoom): void {
    const { self, directory, repairMs, log } = this.#options;
    const branch = new Branch({
      room: hosted.name,
      self,
      alias: hosted.alias,
      first: (region, except) => parentOf(directory.relays(), region, hosted.name, except)?.id,
      mayClaim: (origin) => this.#placement.mayClaim(origin),
      linked: (peer) => this.links.linked(peer),
      lastComment: () => hosted.comments.count,
      random: Math.random,
    });
    const bridge = new Bridge(branch, {
      nowMs: () => this.#host.nowMs(),
      dispatch: (event) => this.#host.dispatch(hosted, event),
      post: (comment, key) => hosted.comments.post(comment, key),
      early: (comment, key) => hosted.comments.showEarly(comment, key),
      retract: (key) => hosted.comments.retract([key]),
      comments: (messages) => hosted.comments.ingest(messages),
      reacted: (counts) => hosted.comments.reacted(counts),
      gone: (slot) => member.media.gone(slot),
      gift: ({ ticket, sub, name, at: atMs }) => {
        const gift = { room: hosted.name, ticket, sub, atMs, ...(name === undefined ? {} : { name }) };
        // One that is not shown now comes from the ledger.
        this.#options.show?.(gift).catch((error: unknown) => log.debug({ err: error }, 'gift of another relay'));
      },
      settled: () => {
        if (member.waiting.length > 0 && branch.rooted) for (const go of member.waiting.splice(0)) go();
      },
      carryOut: (action) => this.#carryOut(member, action),
    });
    const session = (peer: RelayId) => this.links.session(peer);
    const member: Member = {
      hosted,
      bridge,
      media: new TrunkMedia({ media: hosted.media, delivery: hosted.delivery, session, repairMs, log }),
      comments: new ChildComments(hosted, (peer, message) => this.links.send(peer, message)),
      unwatch: directory.watch(hosted.name, (entry) => this.#placement.placed(member, entry)),
      wantedUntilMs: 0,
      lookingUp: false,
      placed: undefined,
      waiting: [],
    };
    this.#members.set(hosted, member);
    // Until the directory says that it is this relay, somebody else gives slots and numbers.
    this.#host.dispatch(hosted, { type: 'authority', here: false });
    hosted.comments.origin = commentOrigin(bridge);
    bridge.handle({ type: 'tick' });
  }

  /**
   * Undefined: this relay has the room as it is, is its origin, or has been without a way there for a while. Else resolves when it has, or after 1.5 s without it: who
   * joins then hears of what is there later.
   */
  ready(hosted: HostedRoom): Promise<void> | undefined {
    const member = this.#members.get(hosted);
    if (!member) return undefined;
    const { branch } = member.bridge;
    if (branch.rooted || branch.adrift(this.#host.nowMs())) return undefined;
    member.wantedUntilMs = this.#host.nowMs() + WANTED_MS;
    this.#want(member);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, READY_MS);
      member.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  numbering(hosted: HostedRoom): string | undefined {
    return this.#members.get(hosted)?.bridge.branch.numbering;
  }

  /** Somebody joined. */
  joined(hosted: HostedRoom): void {
    const member = this.#members.get(hosted);
    if (member) this.#want(member);
  }

  /** What the room's rules have decided, before it is carried out. */
  decided(hosted: HostedRoom, action: RoomAction): void {
    const member = this.#members.get(hosted);
    if (!member) return;
    if (action.do === 'left') hosted.delivery.unpublished(action.slot);
    member.bridge.decided(action);
  }

  /** Whether the room has to stay, because other relays have it from here. */
  holds(hosted: HostedRoom): boolean {
    return (this.#members.get(hosted)?.bridge.branch.children.size ?? 0) > 0;
  }

  /** Whether another relay needs this one for any room: see `Branch.needed`. */
  get needed(): boolean {
    return [...this.#members.values()].some(({ bridge }) => bridge.branch.needed);
  }

  vanished(hosted: HostedRoom): void {
    const member = this.#members.get(hosted);
    if (!member) return;
    member.bridge.handle({ type: 'wanted', wanted: false });
    member.unwatch();
    this.#options.gifts?.origin(hosted.name, undefined);
    for (const go of member.waiting.splice(0)) go();
    member.bridge.close();
    member.comments.close();
    this.#members.delete(hosted);
  }

  isOrigin(hosted: HostedRoom): boolean {
    return this.#members.get(hosted)?.bridge.branch.isOrigin ?? true;
  }

  /** The room's branch, for people who look after it. */
  bridge(hosted: HostedRoom): Bridge | undefined {
    return this.#members.get(hosted)?.bridge;
  }

  /** By slot: the relay that it comes from over a trunk, and the round trip to there as the trunk's connection knows it. */
  async feeders(hosted: HostedRoom): Promise<Map<number, Feeder>> {
    const out = new Map<number, Feeder>();
    const relays = this.#options.directory.relays();
    for (const [slot, { peer, session }] of this.#members.get(hosted)?.media.feeders() ?? []) {
      const { rttMs, minRttMs = rttMs } = await session.getStats();
      const region = relays.find(({ id }) => id === peer)?.region;
      if (minRttMs !== undefined) out.set(slot, { relay: peer, ...(region && { region }), rttMs: minRttMs });
    }
    return out;
  }

  /** A gift that this relay took is durable: to the room's other relays. */
  given({ room, ticket, sub, name, atMs }: GivenGift): void {
    const hosted = this.#host.room(room);
    const bridge = hosted && this.#members.get(hosted)?.bridge;
    bridge?.handle({ type: 'gift', gift: { ticket, sub, at: atMs, ...(name === undefined ? {} : { name }) } });
  }

  stats(): ClusterGauges {
    const branches = [...this.#members.values()].map(({ bridge }) => bridge.branch);
    return {
      links: this.links.peers().length,
      origins: branches.filter(({ isOrigin }) => isOrigin).length,
      adrift: branches.filter(({ rooted }) => !rooted).length,
      directoryUp: this.#options.directory.health().connected,
    };
  }

  drain(): void {
    this.#draining = true;
    for (const { bridge } of [...this.#members.values()]) bridge.handle({ type: 'draining' });
  }

  close(): void {
    clearInterval(this.#timer);
    this.links.close();
  }

  async #accept(): Promise<void> {
    try {
      for await (const session of this.#options.door.sessions) this.links.accept(session);
    } catch (error) {
      this.#options.log.error({ err: error }, 'no more links come');
    }
  }

  #message(peer: RelayId, message: TrunkMessage): void {
    if (message.t === 'keep' || message.t === 'kept') {
      this.second.handle(peer, message);
      return;
    }
    if (!('room' in message)) return;
    let hosted = this.#host.room(message.room);
    if (!hosted && (message.t === 'pull' || message.t === 'invite')) {
      hosted = this.#draining ? undefined : this.#host.open(message.room);
      if (!hosted && message.t === 'pull') {
        const code: Code = this.#draining ? 'draining' : 'overloaded';
        this.links.send(peer, { t: 'refused', room: message.room, id: message.id, code });
      }
    }
    if (hosted) this.#members.get(hosted)?.bridge.handle({ type: 'message', peer, message });
  }

  /** Linked relays of this region. Those that are not are dialled, for the next time. */
  #neighbours(): RelayId[] {
    const { self, directory } = this.#options;
    const near = directory.relays().filter(({ id, region }) => region === self.region && id !== self.id);
    for (const { id } of near) this.links.connect(id);
    return near.map(({ id }) => id).filter((id) => this.links.linked(id));
  }

  #carryOut(member: Member, action: Outward): void {
    const { hosted, media, comments } = member;
    switch (action.do) {
      case 'send':
        this.links.send(action.peer, action.message);
        return;
      case 'dial':
        this.links.connect(action.peer);
        return;
      case 'lookup':
        void this.#placement.lookup(member);
        return;
      case 'claim':
        void this.#placement.claim(member, action.epoch, action.origin);
        return;
      case 'attach':
        media.attach(action.peer, action.alias);
        return;
      case 'detach':
        media.detach(action.peer);
        comments.unsubscribe(action.peer);
        return;
      case 'media':
        media.masks(action.peer, action);
        return;
      case 'replay':
        media.replay(action.peer);
        return;
      case 'subscribe':
        if (member.bridge.branch.isOrigin) hosted.comments.skipTo(action.after ?? 0);
        comments.subscribe(action.peer, action.after);
        return;
      case 'authority':
        this.#authority(member, action.here);
    }
  }

  #authority({ hosted, bridge }: Member, here: boolean): void {
    hosted.comments.origin = here ? undefined : commentOrigin(bridge);
    if (here) this.#host.became(hosted);
  }

  #want(member: Member): void {
    const now = this.#host.nowMs();
    if (member.hosted.room.peopleCount > 0) member.wantedUntilMs = now + WANTED_MS;
    member.bridge.handle({ type: 'wanted', wanted: now < member.wantedUntilMs });
  }

  #tick(): void {
    for (const member of [...this.#members.values()]) {
      const { room } = member.hosted;
      this.#want(member);
      member.bridge.handle({ type: 'crowd', people: room.peopleCount, viewers: room.viewerCount });
      member.bridge.handle({ type: 'tick' });
      void member.media.measure(room, this.#host.nowMs());
    }
  }
}

/** Somebody else numbers the room's comments. */
function commentOrigin(bridge: Bridge): CommentOrigin {
  return {
    async post(comment) {
      const { n } = await bridge.ask({ ask: 'comment', ...comment });
      return n ?? 'overloaded';
    },
    reacted: (counts) => bridge.handle({ type: 'reacted', counts }),
  };
}
