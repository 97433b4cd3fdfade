import type { RoutedLiver } from '@hayate/codec/messages';
import { Flows } from './flows.ts';
import { Neighbours } from './neighbours.ts';
import { Parents } from './parents.ts';
import { Pulls } from './pulls.ts';
import { Standing } from './standing.ts';
import { Succession } from './succession.ts';
import type { BranchAction, BranchEvent, BranchOptions, Place, RelayId, RoomMessage } from './types.ts';

/** Who is to come after the origin pulls the room for so long, whoever is there. */
const INVITED_MS = 5000;
const ADRIFT_MS = 1000;
const MAX_HOPS = 16;

/** What counts from those alone from whom the room is taken or to whom it is given. */
const OF_NEIGHBOURS: ReadonlySet<RoomMessage['t']> = new Set(['liver', 'left', 'evict', 'gift', 'crowd']);

type Of<T extends RoomMessage['t']> = Extract<RoomMessage, { t: T }>;

/**
 * One relay's part of a room's tree, without I/O and without a clock: `handle(event, nowMs)` says what to do. It pulls the
 * room from its parent while somebody is here or below, serves whoever pulls from it, and is the room's origin where the
 * directory says so.
 */
export class Branch {
  readonly #options: BranchOptions;
  readonly #near: Neighbours;
  readonly #standing: Standing;
  readonly #pulls: Pulls;
  readonly #flows: Flows;
  readonly #succession: Succession;
  readonly #parents: Parents;
  /** Who pulls from here, with the alias that its bundles carry. */
  readonly #children = new Set<RelayId>();
  #out: BranchAction[] = [];
  #wanted = false;
  #invitedUntilMs = Number.NEGATIVE_INFINITY;
  #toldPath = '';
  #adriftSinceMs: number | undefined;

  constructor(options: BranchOptions) {
    this.#options = options;
    const act = (action: BranchAction) => void this.#out.push(action);
    this.#near = new Neighbours(options.room, act);
    this.#standing = new Standing(options);
    this.#pulls = new Pulls(options.random);
    this.#flows = new Flows({
      ...{ room: options.room, standing: this.#standing, pulls: this.#pulls, children: this.#children },
      rooted: () => this.rooted,
      seeks: (nowMs) => this.#seeks(nowMs),
      random: options.random,
      act,
    });
    this.#parents = new Parents({
      ...{ branch: options, standing: this.#standing, pulls: this.#pulls, near: this.#near, children: this.#children },
      parentLost: () => this.#flows.parentLost(),
      act,
    });
    this.#succession = new Succession({
      linked: options.linked,
      invite: (peer) => this.#send(peer, { t: 'invite', ...this.#standing.told(options.room) }),
      act,
    });
  }

  get place(): Place | undefined {
    return this.#standing.place;
  }

  get isOrigin(): boolean {
    return this.#standing.authority;
  }

  get children(): ReadonlySet<RelayId> {
    return this.#children;
  }

  /** Whether others still need this relay, which is to go: they have the room from it, or it is the origin and somebody else can be. */
  get needed(): boolean {
    return this.#children.size > 0 || this.#standing.successor !== undefined;
  }

  /** This relay first; ends in the origin, unless the way there is lost. */
  get path(): RelayId[] {
    const { id } = this.#options.self;
    return this.#standing.here ? [id] : [id, ...this.#pulls.path];
  }

  /** The neighbour that media of this slot comes from; undefined: none, or it is here. */
  via(slot: number): RelayId | undefined {
    return this.#near.routes.via(slot);
  }

  /** As in `welcome`; undefined while the origin was not heard. */
  get numbering(): string | undefined {
    return this.#standing.numbering;
  }

  /** Whether the way to the origin is known, or this is it. */
  get rooted(): boolean {
    return this.place !== undefined && this.path.at(-1) === this.place.origin;
  }

  /** Whether the way to the origin was looked for over a second in vain, as in the half of a cut that has none. */
  adrift(nowMs: number): boolean {
    return this.#adriftSinceMs !== undefined && nowMs - this.#adriftSinceMs >= ADRIFT_MS;
  }

  handle(event: BranchEvent, nowMs: number): BranchAction[] {
    this.#out = [];
    this.#take(event, nowMs);
    this.#reconcile(nowMs);
    this.#near.settle(new Set([...this.#neighbours(), ...this.#pulls.retired()]));
    this.#tellPath();
    if (this.rooted || !this.#seeks(nowMs)) this.#adriftSinceMs = undefined;
    else this.#adriftSinceMs ??= nowMs;
    return this.#out;
  }

  #take(event: BranchEvent, nowMs: number): void {
    switch (event.type) {
      case 'placed':
        this.#standing.placed(event.place);
        return;
      case 'wanted':
        this.#wanted = event.wanted;
        return;
      case 'link':
        if (event.up) this.#found(event.peer);
        else this.#lost(event.peer, nowMs);
        return;
      case 'message':
        this.#message(event.peer, event.message, nowMs);
        return;
      case 'liver':
        this.#near.routes.setLocal(event.liver.slot, event.liver);
        return;
      case 'left':
        if (this.#near.routes.local(event.slot)?.gen === event.gen) this.#near.routes.setLocal(event.slot, undefined);
        return;
      case 'reserved':
        this.#near.routes.reserve(event.slot);
        return;
      case 'unreserved':
        this.#near.routes.unreserve(event.slot);
        return;
      case 'evict':
        this.#evict(event.slot, event.gen);
        return;
      case 'ask':
        this.#flows.askHere(event.key, event.ask, nowMs);
        return;
      case 'served':
        this.#flows.served(event.asker, event.answer);
        return;
      case 'crowd':
        this.#near.crowds.here(event.people, event.viewers);
        return;
      case 'reacted':
        this.#toParent({ t: 'reacted', room: this.#options.room, counts: event.counts });
        return;
      case 'act':
        this.#toChildren({ ...this.#named('act'), command: event.command, by: event.by });
        return;
      case 'gift':
        this.#tellGift({ ...this.#named('gift'), ...event.gift });
        return;
      case 'unclaimed':
        this.#standing.unclaimed(nowMs);
        this.#out.push(...this.#standing.lookup(nowMs));
        return;
      case 'draining':
        // No new children; the present ones look for another parent.
        this.#standing.drain();
        this.#toChildren({ ...this.#named('refused'), code: 'draining' });
        return;
      case 'tick':
        this.#tick(nowMs);
    }
  }

  #message(peer: RelayId, message: RoomMessage, nowMs: number): void {
    if (this.#isHeld(peer) && OF_NEIGHBOURS.has(message.t)) return;
    switch (message.t) {
      case 'pull':
        this.#pulled(peer, message);
        return;
      case 'pulling':
        this.#parents.pulling(peer, message, nowMs);
        return;
      case 'refused':
        this.#parents.refused(peer, message, nowMs);
        return;
      case 'unpull':
        this.#unpulled(peer);
        return;
      case 'ready':
        if (!this.#children.has(peer)) return;
        // What came before it knew the alias was lost on it: once more from each slot's last key.
        this.#out.push({ do: 'replay', peer });
        this.#succession.ready(peer);
        return;
      case 'invite':
        this.#standing.heard(message);
        if (!this.#standing.draining) this.#invitedUntilMs = nowMs + INVITED_MS;
        return;
      case 'path':
        this.#parents.pathChanged(peer, message, nowMs);
        return;
      case 'liver': {
        const { t: _, room: __, ...liver } = message;
        this.#near.routes.hear(peer, liver);
        this.#evictConflicts(peer, [liver]);
        return;
      }
      case 'left':
        this.#near.routes.unhear(peer, message.slot, message.gen, message.gone === true);
        return;
      case 'evict':
        this.#evict(message.slot, message.gen);
        return;
      case 'gift':
        this.#out.push({ do: 'gift', gift: message });
        this.#tellGift(message, peer);
        return;
      case 'crowd':
        if (!this.#pulls.isRetired(peer)) this.#near.crowds.heard(peer, message.people, message.viewers);
        return;
      default:
        this.#flows.take(peer, message, nowMs);
    }
  }

  #pulled(peer: RelayId, message: Of<'pull'>): void {
    const { room, alias } = this.#options;
    this.#standing.heard(message);
    const refusal = this.#refusalOf(peer);
    if (refusal !== undefined) {
      this.#send(peer, { t: 'refused', room, id: message.id, code: refusal });
      return;
    }
    if (this.#children.has(peer)) this.#unpulled(peer);
    if (this.#pulls.isRetired(peer)) this.#parents.end(peer);
    this.#children.add(peer);
    this.#near.crowds.heard(peer, message.people, message.viewers);
    this.#near.add(peer, message.alias, message.livers);
    const livers = this.#near.routes.open(peer);
    this.#send(peer, {
      ...{ t: 'pulling', ...this.#standing.told(room), id: message.id, alias, livers, path: this.path },
      ...this.#near.crowds.told(peer),
    });
    // After `pulling`: before it the child takes no comments from here.
    this.#out.push({ do: 'subscribe', peer, after: message.after });
    this.#evictConflicts(peer, message.livers);
    // The former origin: now it is the child. It must have heard that it is before the parent goes.
    if (this.#pulls.has(peer)) this.#parents.end(peer);
  }

  /** Two livers with one slot: the origin's word counts. Elsewhere the newer generation shows until it speaks. */
  #evictConflicts(peer: RelayId, livers: readonly RoutedLiver[]): void {
    if (!this.#standing.here) return;
    for (const { slot, gen, sub } of livers) {
      if (this.#near.routes.contested(peer, slot, gen, sub)) this.#send(peer, { ...this.#named('evict'), slot, gen });
    }
  }

  #refusalOf(peer: RelayId): string | undefined {
    if (this.place?.closed) return 'room_closed';
    // There may be nobody to hand it over to.
    if (this.#standing.here) return undefined;
    if (this.#standing.draining && !this.#children.has(peer)) return 'draining';
    if ((this.#pulls.has(peer) && !this.#pulls.isRetired(peer)) || this.#pulls.path.includes(peer)) return 'loop';
    return this.path.length >= MAX_HOPS ? 'loop' : undefined;
  }

  #unpulled(peer: RelayId): void {
    if (!this.#children.delete(peer)) return;
    this.#succession.gone(peer);
    this.#flows.childLost(peer);
    if (peer !== this.#pulls.parent) this.#near.drop(peer);
  }

  #lost(peer: RelayId, nowMs: number): void {
    this.#unpulled(peer);
    this.#parents.lost(peer, nowMs);
    if (peer === this.place?.origin) this.#standing.originLost();
  }

  #found(peer: RelayId): void {
    this.#pulls.forgive(peer);
    if (peer === this.place?.origin) this.#standing.originFound();
  }

  #evict(slot: number, gen: number): void {
    if (this.#near.routes.local(slot)?.gen === gen) {
      this.#out.push({ do: 'evict', slot, gen });
      return;
    }
    const holder = this.#near.routes.holder(slot, gen);
    if (holder !== undefined && this.#children.has(holder)) this.#send(holder, { ...this.#named('evict'), slot, gen });
  }

  #tick(nowMs: number): void {
    this.#parents.endLate(nowMs);
    this.#flows.tick(nowMs);
    for (const { peer, ...crowd } of this.#near.crowds.changed())
      this.#send(peer, { ...this.#named('crowd'), ...crowd });
    const total = this.#near.crowds.elsewhere();
    if (total) this.#out.push({ do: 'crowd', ...total });
  }

  /** Brings the pulls to what they should be. */
  #reconcile(nowMs: number): void {
    const prepared = (successor: RelayId) => this.#succession.prepared(successor, nowMs);
    this.#out.push(...this.#standing.due(this.rooted, prepared, nowMs));
    this.#parents.endRetired(nowMs);
    const { place } = this;
    if (place && this.#standing.here) this.#parents.lead(nowMs);
    else if (place) this.#parents.follow(place, this.#seeks(nowMs) && !place.closed, nowMs);
    this.#flows.pass(nowMs);
  }

  #seeks(nowMs: number): boolean {
    return this.#wanted || this.#children.size > 0 || nowMs < this.#invitedUntilMs;
  }

  /** A parent to be that is not taken yet has nothing to say of the room. */
  #isHeld(peer: RelayId): boolean {
    return this.#pulls.held(peer) && !this.#children.has(peer);
  }

  #tellGift(message: Of<'gift'>, except?: RelayId): void {
    for (const peer of this.#neighbours()) if (peer !== except) this.#send(peer, message);
  }

  #neighbours(): Set<RelayId> {
    const { parent } = this.#pulls;
    return parent === undefined ? this.#children : new Set([...this.#children, parent]);
  }

  #tellPath(): void {
    const { room } = this.#options;
    const place = this.#standing.told(room);
    const path = this.path;
    const key = [place.epoch, place.origin, place.numbering, ...path].join(' ');
    if (key === this.#toldPath) return;
    this.#toldPath = key;
    if (path.length > MAX_HOPS) return;
    this.#toChildren({ t: 'path', ...place, path });
  }

  #toChildren(message: RoomMessage): void {
    for (const peer of this.#children) this.#send(peer, message);
  }

  #toParent(message: RoomMessage): void {
    const { parent } = this.#pulls;
    if (parent !== undefined) this.#send(parent, message);
  }

  #named<T extends RoomMessage['t']>(t: T): { t: T; room: string } {
    return { t, room: this.#options.room };
  }

  #send(peer: RelayId, message: RoomMessage): void {
    this.#out.push({ do: 'send', peer, message });
  }
}
