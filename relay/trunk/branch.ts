import type { Code, RoutedLiver } from '@hayate/codec/messages';
import { Asks } from './asks.ts';
import { Crowds } from './crowds.ts';
import { Pulls } from './pulls.ts';
import { Routes } from './routes.ts';
import type { Answer, Ask, Asker, BranchAction, BranchEvent, Place, RelayId, RoomMessage } from './types.ts';
import { successorOf, turnOf, upstreamOf } from './upstream.ts';

/** How often a place that leads nowhere is looked up again. */
const LOOKUP_MS = 500;
/** Who is not the first to claim waits so long for each relay before it. */
const CLAIM_STEP_MS = 100;
const MAX_CLAIM_STEPS = 5;
/** A new origin has its room from the old one for so long, unless that pulls from it before. */
const HANDOVER_MS = 1500;
const MAX_HOPS = 16;

export interface BranchOptions {
  room: string;
  self: { id: RelayId; region: string };
  /** Of the room in this relay's bundles. */
  alias: number;
  /** See `UpstreamOptions`. */
  first(region: string, except: ReadonlySet<RelayId>): RelayId | undefined;
  /** Whether there is a link to it. */
  linked(peer: RelayId): boolean;
  /** The last comment that this relay has. */
  lastComment(): number;
  random(): number;
}

type Of<T extends RoomMessage['t']> = Extract<RoomMessage, { t: T }>;

/**
 * One relay's part of a room's tree, without I/O and without a clock: `handle(event, nowMs)` says what to do. It pulls the
 * room from its parent while somebody is here or below, serves whoever pulls from it, and is the room's origin where the
 * directory says so.
 */
export class Branch {
  readonly #options: BranchOptions;
  readonly #routes = new Routes();
  readonly #pulls: Pulls;
  readonly #asks = new Asks();
  readonly #crowds = new Crowds();
  /** Who pulls from here, with the alias that its bundles carry. */
  readonly #children = new Set<RelayId>();
  /** Masks as they were last given out. */
  readonly #masks = new Map<RelayId, { to: number; from: number }>();
  #out: BranchAction[] = [];
  #place: Place | undefined;
  #wanted = false;
  #draining = false;
  #numbering: string | undefined;
  #authority = false;
  #authorityMs = 0;
  #claimed = false;
  #claimAtMs: number | undefined;
  #lookupMs = Number.NEGATIVE_INFINITY;
  #toldPath = '';

  constructor(options: BranchOptions) {
    this.#options = options;
    this.#pulls = new Pulls(options.random);
  }

  get place(): Place | undefined {
    return this.#place;
  }

  get isOrigin(): boolean {
    return this.#authority;
  }

  get parent(): RelayId | undefined {
    return this.#pulls.parent;
  }

  get children(): ReadonlySet<RelayId> {
    return this.#children;
  }

  /** This relay first; ends in the origin, unless the way there is lost. */
  get path(): RelayId[] {
    const { id } = this.#options.self;
    return this.#here ? [id] : [id, ...this.#pulls.path];
  }

  /** By the place that is known; `isOrigin` once everybody here knows it too. */
  get #here(): boolean {
    return this.#place?.origin === this.#options.self.id;
  }

  /** As in `welcome`; undefined while the origin was not heard. */
  get numbering(): string | undefined {
    return this.#numbering;
  }

  /** Whether the way to the origin is known, or this is it. */
  get rooted(): boolean {
    return this.#place !== undefined && this.path.at(-1) === this.#place.origin;
  }

  handle(event: BranchEvent, nowMs: number): BranchAction[] {
    this.#out = [];
    this.#take(event, nowMs);
    this.#reconcile(nowMs);
    this.#settle();
    return this.#out;
  }

  #take(event: BranchEvent, nowMs: number): void {
    switch (event.type) {
      case 'placed':
        this.#placed(event.place);
        return;
      case 'wanted':
        this.#wanted = event.wanted;
        return;
      case 'link':
        if (event.up) this.#pulls.forgive(event.peer);
        else this.#lost(event.peer, nowMs);
        return;
      case 'message':
        this.#message(event.peer, event.message, nowMs);
        return;
      case 'liver':
        this.#routes.setLocal(event.liver.slot, event.liver);
        return;
      case 'left':
        this.#routes.unreserve(event.slot, event.gen);
        if (this.#routes.local(event.slot)?.gen === event.gen) this.#routes.setLocal(event.slot, undefined);
        return;
      case 'reserved':
        this.#routes.reserve(event.slot, event.gen);
        return;
      case 'ask':
        this.#ask({ local: event.key }, event.ask, nowMs);
        return;
      case 'served':
        this.#answer(event.asker, event.answer);
        return;
      case 'crowd':
        this.#crowds.here(event.people, event.viewers);
        return;
      case 'reacted':
        this.#toParent({ t: 'reacted', room: this.#options.room, counts: event.counts });
        return;
      case 'act':
        for (const peer of this.#children)
          this.#send(peer, { ...this.#named('act'), command: event.command, by: event.by });
        return;
      case 'unclaimed':
        this.#claimed = false;
        this.#lookup(nowMs);
        return;
      case 'draining':
        this.#drain();
        return;
      case 'tick':
        this.#tick(nowMs);
    }
  }

  #message(peer: RelayId, message: RoomMessage, nowMs: number): void {
    switch (message.t) {
      case 'pull':
        this.#pulled(peer, message);
        return;
      case 'pulling':
        this.#pulling(peer, message, nowMs);
        return;
      case 'refused':
        this.#refused(peer, message, nowMs);
        return;
      case 'unpull':
        this.#unpulled(peer);
        return;
      case 'ready':
        // What came before it knew the alias was lost on it: once more from each slot's last key.
        if (this.#children.has(peer)) this.#out.push({ do: 'replay', peer });
        return;
      case 'path':
        this.#pathChanged(peer, message, nowMs);
        return;
      case 'liver': {
        const { t: _, room: __, ...liver } = message;
        this.#routes.hear(peer, liver);
        return;
      }
      case 'left':
        this.#routes.unhear(peer, message.slot, message.gen, message.gone === true);
        return;
      case 'evict':
        this.#evict(message.slot, message.gen);
        return;
      case 'ask':
        if (this.#children.has(peer)) this.#ask({ peer, id: message.id }, askOf(message), nowMs);
        return;
      case 'answer':
        this.#answered(peer, message);
        return;
      case 'crowd':
        this.#crowds.heard(peer, message.people, message.viewers);
        return;
      default:
        this.#flow(peer, message);
    }
  }

  #pathChanged(peer: RelayId, message: Of<'path'>, nowMs: number): void {
    if (!this.#pulls.has(peer)) return;
    this.#pulls.setPath(peer, message.path);
    this.#learn(placeOf(message));
    this.#numbered(message.numbering);
    if (message.path.includes(this.#options.self.id)) this.#leave(peer, nowMs);
  }

  /** An origin that has had the room goes on counting; one that is new to it begins anew. */
  #numbered(numbering: string | undefined): void {
    if (!this.#here && numbering !== undefined) this.#numbering = numbering;
  }

  #answered(peer: RelayId, message: Of<'answer'>): void {
    if (peer !== this.#pulls.parent) return;
    const asker = this.#asks.answered(message.id);
    if (asker) this.#answer(asker, answerOf(message));
  }

  /** What goes from the origin down, or up to it, without an answer. */
  #flow(peer: RelayId, message: Of<'act' | 'comments' | 'reacted'>): void {
    if (message.t === 'reacted') {
      if (this.#children.has(peer)) this.#out.push({ do: 'reacted', counts: message.counts });
    } else if (peer === this.#pulls.parent && !this.#here) {
      if (message.t === 'comments') this.#out.push({ do: 'comments', messages: message.messages });
      else {
        this.#out.push({ do: 'act', command: message.command, by: message.by });
        for (const child of this.#children) this.#send(child, message);
      }
    }
  }

  /** Two regions that opened one room apart agree later: then the directory's word counts, whatever the epoch. */
  #placed(place: Place): void {
    if (this.#place && place.home === this.#place.home) this.#learn(place);
    else this.#adopt(place);
  }

  #learn(place: Place): void {
    if (this.#place && place.epoch < this.#place.epoch) return;
    if (this.#place && place.epoch === this.#place.epoch && place.closed === this.#place.closed) return;
    this.#adopt(place);
  }

  #adopt(place: Place): void {
    this.#place = place;
    this.#claimed = false;
    this.#claimAtMs = undefined;
  }

  #pulled(peer: RelayId, message: Of<'pull'>): void {
    const { room, alias } = this.#options;
    if (message.origin !== '') this.#learn(placeOf(message));
    const refusal = this.#refusalOf(peer);
    if (refusal !== undefined) {
      this.#send(peer, { t: 'refused', room, id: message.id, code: refusal });
      return;
    }
    if (this.#children.has(peer)) this.#unpulled(peer);
    this.#children.add(peer);
    this.#crowds.heard(peer, message.people, message.viewers);
    this.#neighbour(peer, message.alias, message.livers);
    const livers = this.#routes.open(peer);
    this.#send(peer, {
      ...{ t: 'pulling', ...this.#placeFor(room), id: message.id, alias, livers, path: this.path },
      ...this.#crowds.told(peer),
    });
    // After `pulling`: before it the child takes no comments from here.
    this.#out.push({ do: 'subscribe', peer, after: message.after });
    this.#evictConflicts(peer, message.livers);
    // The former origin: now it is the child. It must have heard that it is before the parent goes.
    if (this.#pulls.has(peer)) this.#endPull(peer);
  }

  /** Two livers with one slot: the origin's word counts. Elsewhere the newer generation shows until it speaks. */
  #evictConflicts(peer: RelayId, livers: readonly RoutedLiver[]): void {
    if (!this.#here) return;
    for (const { slot, gen, sub } of livers) {
      const own = this.#routes.local(slot);
      if (own && own.sub !== sub) this.#send(peer, { ...this.#named('evict'), slot, gen });
    }
  }

  #refusalOf(peer: RelayId): string | undefined {
    if (this.#place?.closed) return 'room_closed';
    // There may be nobody to hand it over to.
    if (this.#here) return undefined;
    if (this.#draining && !this.#children.has(peer)) return 'draining';
    if (this.#pulls.has(peer) || this.#pulls.path.includes(peer)) return 'loop';
    return this.path.length >= MAX_HOPS ? 'loop' : undefined;
  }

  #unpulled(peer: RelayId): void {
    if (!this.#children.delete(peer)) return;
    this.#asks.childLost(peer);
    if (peer !== this.#pulls.parent) this.#depart(peer);
  }

  #pulling(peer: RelayId, message: Of<'pulling'>, nowMs: number): void {
    const former = this.#pulls.parent;
    if (message.path.includes(this.#options.self.id)) {
      if (this.#pulls.matches(peer, message.id)) this.#leave(peer, nowMs);
      return;
    }
    if (!this.#pulls.answered(peer, message.id, message.path)) return;
    if (message.origin !== '') this.#learn(placeOf(message));
    this.#numbered(message.numbering);
    this.#crowds.heard(peer, message.people, message.viewers);
    this.#neighbour(peer, message.alias, message.livers);
    this.#send(peer, this.#named('ready'));
    if (former !== undefined && former !== peer) this.#endPull(former);
  }

  #refused(peer: RelayId, { id, code }: Of<'refused'>, nowMs: number): void {
    if (!this.#pulls.matches(peer, id)) return;
    this.#pulls.avoid(peer, code === 'draining', nowMs);
    // A parent that is to go serves until there is another.
    if (code === 'draining' && peer === this.#pulls.parent) return;
    this.#endPull(peer);
    if (code === 'room_closed') this.#lookup(nowMs);
  }

  /** The peer cannot be the parent now. */
  #leave(peer: RelayId, nowMs: number): void {
    this.#pulls.avoid(peer, false, nowMs);
    this.#endPull(peer);
  }

  #endPull(peer: RelayId): void {
    const wasParent = peer === this.#pulls.parent;
    if (this.#pulls.end(peer)) this.#send(peer, { t: 'unpull', room: this.#options.room });
    if (wasParent) this.#refuse(this.#asks.parentLost());
    if (!this.#children.has(peer)) this.#depart(peer);
  }

  #lost(peer: RelayId, nowMs: number): void {
    this.#unpulled(peer);
    const pulled = this.#pulls.has(peer);
    const wasParent = peer === this.#pulls.parent;
    this.#pulls.end(peer);
    if (wasParent) this.#refuse(this.#asks.parentLost());
    this.#depart(peer);
    if (!pulled) return;
    this.#pulls.avoid(peer, false, nowMs);
    if (peer === this.#place?.origin) this.#originLost(nowMs);
  }

  /** A relay of the home region takes the room over; the first by rank at once. */
  #originLost(nowMs: number): void {
    const { self, first } = this.#options;
    const place = this.#place!;
    if (self.region !== place.home || this.#draining || place.closed) return;
    this.#claimAtMs ??= nowMs + turnOf({ self, place, first }, MAX_CLAIM_STEPS) * CLAIM_STEP_MS;
  }

  #neighbour(peer: RelayId, alias: number, livers: readonly RoutedLiver[]): void {
    this.#routes.add(peer, livers);
    this.#masks.delete(peer);
    this.#out.push({ do: 'attach', peer, alias });
  }

  #depart(peer: RelayId): void {
    this.#crowds.drop(peer);
    this.#routes.drop(peer);
    if (this.#masks.delete(peer)) this.#out.push({ do: 'detach', peer });
  }

  #evict(slot: number, gen: number): void {
    if (this.#routes.local(slot)?.gen === gen) {
      this.#out.push({ do: 'evict', slot, gen });
      return;
    }
    const holder = this.#routes.holder(slot, gen);
    if (holder !== undefined && this.#children.has(holder)) this.#send(holder, { ...this.#named('evict'), slot, gen });
  }

  #ask(asker: Asker, ask: Ask, nowMs: number): void {
    if (this.#here) this.#out.push({ do: 'serve', asker, ask });
    else if (!this.#asks.add(asker, ask, nowMs)) this.#answer(asker, { code: 'overloaded' });
  }

  #answer(asker: Asker, answer: Answer): void {
    if ('local' in asker) this.#out.push({ do: 'settle', key: asker.local, answer });
    else if (this.#children.has(asker.peer)) {
      this.#send(asker.peer, { ...this.#named('answer'), id: asker.id, ...answer });
    }
  }

  #refuse(refused: { asker: Asker; answer: Answer }[]): void {
    for (const { asker, answer } of refused) this.#answer(asker, answer);
  }

  /** No new children; the present ones look for another parent. */
  #drain(): void {
    this.#draining = true;
    const { room } = this.#options;
    for (const peer of this.#children) this.#send(peer, { t: 'refused', room, code: 'draining' });
  }

  /** Another relay becomes the origin, where there is one. */
  #handOver(place: Place): void {
    const successor = this.#claimed ? undefined : successorOf({ place, first: this.#options.first });
    if (successor === undefined) return;
    this.#claimed = true;
    this.#out.push({ do: 'claim', epoch: place.epoch, origin: successor });
  }

  #tick(nowMs: number): void {
    for (const peer of this.#pulls.late(nowMs)) this.#leave(peer, nowMs);
    this.#refuse(this.#asks.tick(nowMs));
    if (!this.rooted) this.#lookup(nowMs);
    for (const { peer, ...crowd } of this.#crowds.changed()) this.#send(peer, { ...this.#named('crowd'), ...crowd });
    const total = this.#crowds.elsewhere();
    if (total) this.#out.push({ do: 'crowd', ...total });
  }

  #lookup(nowMs: number): void {
    if (nowMs - this.#lookupMs < LOOKUP_MS) return;
    this.#lookupMs = nowMs;
    this.#out.push({ do: 'lookup' });
  }

  /** Brings the pulls to what they should be. */
  #reconcile(nowMs: number): void {
    const place = this.#place;
    if (!place) {
      this.#lookup(nowMs);
      return;
    }
    const here = this.#here;
    if (here !== this.#authority) {
      this.#authority = here;
      this.#authorityMs = nowMs;
      this.#out.push({ do: 'authority', here });
    }
    if (here) {
      this.#numbering ??= `${place.home}/${Math.floor(this.#options.random() * 2 ** 52).toString(36)}`;
      if (this.#draining) this.#handOver(place);
      for (const peer of this.#pulls.peers()) {
        if (peer !== this.#pulls.parent || nowMs >= this.#authorityMs + HANDOVER_MS) this.#endPull(peer);
      }
      for (const { asker, ask } of this.#asks.takeAll()) this.#out.push({ do: 'serve', asker, ask });
      return;
    }
    this.#claim(nowMs);
    this.#follow(place, nowMs);
  }

  #claim(nowMs: number): void {
    if (this.#claimAtMs === undefined || nowMs < this.#claimAtMs || this.#claimed) return;
    this.#claimAtMs = undefined;
    this.#claimed = true;
    this.#out.push({ do: 'claim', epoch: this.#place!.epoch, origin: this.#options.self.id });
  }

  #follow(place: Place, nowMs: number): void {
    const { self, first, linked } = this.#options;
    const needed = (this.#wanted || this.#children.size > 0) && !place.closed;
    const avoided = this.#pulls.avoided(nowMs);
    const target = needed ? upstreamOf({ self, place, avoided, first }) : undefined;
    for (const peer of this.#pulls.peers()) {
      // The parent that holds is kept until there is another one.
      if (peer !== target && (peer !== this.#pulls.parent || !needed)) this.#endPull(peer);
    }
    if (target === undefined) {
      this.#sendAsks();
      return;
    }
    if (!this.#pulls.has(target)) {
      this.#pulls.begin(target, nowMs);
      if (!linked(target)) this.#out.push({ do: 'dial', peer: target });
    }
    if (linked(target)) this.#pull(target, nowMs);
    this.#sendAsks();
  }

  #pull(peer: RelayId, nowMs: number): void {
    const id = this.#pulls.ask(peer, nowMs);
    if (id === undefined) return;
    const { room, alias, lastComment } = this.#options;
    const after = lastComment();
    const livers = this.#routes.offer(peer, this.#pulls.parent);
    this.#send(peer, {
      ...{ t: 'pull', ...this.#placeFor(room), id, alias, livers },
      ...this.#crowds.below(this.#pulls.parent),
      ...(after === 0 ? {} : { after }),
    });
  }

  #sendAsks(): void {
    if (this.#pulls.parent === undefined) return;
    for (const { id, ask } of this.#asks.unsent()) this.#toParent({ ...this.#named('ask'), id, ...ask });
  }

  /** Tells the room and the neighbours what has changed, and the media plane after the room. */
  #settle(): void {
    const { room, told } = this.#routes.settle();
    const changes: BranchAction[] = room.map((change) =>
      'liver' in change ? { do: 'liver', liver: change.liver } : { do: 'left', ...change },
    );
    this.#out.push(...changes);
    for (const each of told) {
      if ('liver' in each) this.#send(each.peer, { ...this.#named('liver'), ...each.liver });
      else {
        const { peer, slot, gen, gone } = each;
        this.#send(peer, { ...this.#named('left'), slot, gen, ...(gone ? { gone } : {}) });
      }
    }
    for (const peer of this.#neighbours()) {
      const masks = this.#routes.masks(peer);
      const before = this.#masks.get(peer);
      if (before?.to === masks.to && before.from === masks.from) continue;
      this.#masks.set(peer, masks);
      this.#out.push({ do: 'media', peer, ...masks });
    }
    this.#tellPath();
  }

  #neighbours(): Set<RelayId> {
    const { parent } = this.#pulls;
    return parent === undefined ? this.#children : new Set([...this.#children, parent]);
  }

  #tellPath(): void {
    const { room } = this.#options;
    const place = this.#placeFor(room);
    const path = this.path;
    const key = [place.epoch, place.origin, place.numbering, ...path].join(' ');
    if (key === this.#toldPath) return;
    this.#toldPath = key;
    if (path.length > MAX_HOPS) return;
    for (const peer of this.#children) this.#send(peer, { t: 'path', ...place, path });
  }

  #placeFor(room: string): { room: string; epoch: number; home: string; origin: string; numbering?: string } {
    const { epoch, home, origin } = this.#place ?? { epoch: 0, home: '', origin: '' };
    return { room, epoch, home, origin, ...(this.#numbering === undefined ? {} : { numbering: this.#numbering }) };
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

function placeOf({ epoch, home, origin }: Place): Place {
  return { epoch, home, origin };
}

function askOf({ t: _, room: __, id: ___, ...ask }: Of<'ask'>): Ask {
  return ask;
}

function answerOf({ t: _, room: __, id: ___, code, ...rest }: Of<'answer'>): Answer {
  return code === undefined ? rest : { ...rest, code: code as Code };
}
