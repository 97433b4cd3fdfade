import { createHash } from 'node:crypto';
import { Room } from '../room/room.ts';
import type { Identity, RoomAction, RoomEvent, SessionKey } from '../room/types.ts';
import { Branch } from '../trunk/branch.ts';
import { Bridge, type Outward } from '../trunk/bridge.ts';
import type { Place, RoomMessage } from '../trunk/types.ts';

const ROOM = 'r';
const LINK_MS = 30;
const SILENCE_MS = 600;
const TICK_MS = 100;
const LIMITS = { maxViewers: 100, lingerMs: 5000, emptyMs: 1000 };

interface RelayView {
  id: string;
  region: string;
  draining: boolean;
  /** When others hear that it drains, by the directory. */
  knownMs: number;
}

/** Any fixed order. */
const weight = (id: string) => createHash('sha256').update(id).digest('hex');

/** One relay of the model: its room, its branch, and who is connected. */
interface Relay {
  view: RelayView;
  alive: boolean;
  room: Room;
  bridge: Bridge;
  neighbours: Map<string, { to: number; from: number }>;
  sessions: Map<SessionKey, { sub: string; wants: boolean; liver: { slot: number; gen: number } | undefined }>;
  /** Of other relays. */
  gifts: string[];
  /** Texts of comments that were shown before their numbers, and not taken back. */
  early: Map<number, string>;
  /** As the origin: texts of those that got numbers. */
  posted: string[];
  /** What members were told. */
  shown: Map<number, { gen: number; sub: string }>;
}

/**
 * Relays of several regions with one room, over a directory that does not fail and links that can be cut; time is simulated.
 * Sessions that are closed for being replaced or evicted are gone; livers come back only when told to.
 */
export class TreeModel {
  nowMs = 0;
  readonly relays = new Map<string, Relay>();
  readonly #random: () => number;
  /** By time, then order. */
  #queue: { atMs: number; run: () => void }[] = [];
  #place: Place | undefined;
  /** `a b`, sorted: no packet passes. */
  readonly #cut = new Set<string>();
  readonly #links = new Set<string>();
  #nextSession = 1;
  /** All messages between relays, for tests of what a flow costs. */
  messages = 0;

  constructor(regions: Record<string, number>, random: () => number) {
    this.#random = random;
    for (const [region, count] of Object.entries(regions)) {
      for (let n = 1; n <= count; n++) this.start(`${region}-${n}`, region);
    }
  }

  start(id: string, region: string): void {
    const view = { id, region, draining: false, knownMs: 0 };
    this.#build(view);
  }

  get place(): Place | undefined {
    return this.#place;
  }

  at(id: string): Relay {
    return this.relays.get(id)!;
  }

  // What happens to the model.

  join(id: string, sub: string): SessionKey {
    const relay = this.at(id);
    const session = this.#nextSession++;
    const roles = ['liver', 'viewer'] as const;
    const permissions = ['publish', 'watch', 'comment'] as const;
    const identity: Identity = { sub, roles, permissions, expiresAt: 1e15 };
    relay.sessions.set(session, { sub, wants: false, liver: undefined });
    if (!this.#place) this.#place = { home: relay.view.region, origin: id, epoch: 1 };
    this.#dispatch(relay, { type: 'join', session, identity });
    this.#dispatch(relay, { type: 'watch', session, id: 1 });
    relay.bridge.handle({ type: 'wanted', wanted: true });
    return session;
  }

  publish(id: string, session: SessionKey): void {
    const relay = this.at(id);
    const known = relay.sessions.get(session);
    if (!known || !relay.alive) return;
    known.wants = true;
    this.#dispatch(relay, { type: 'publish', session, id: 2 });
  }

  leave(id: string, session: SessionKey, clean: boolean): void {
    const relay = this.at(id);
    if (!relay.sessions.delete(session)) return;
    this.#dispatch(relay, { type: 'leave', session, clean });
  }

  kill(id: string): void {
    const relay = this.at(id);
    relay.alive = false;
    relay.sessions.clear();
    for (const key of this.#links) {
      const [a, b] = key.split(' ') as [string, string];
      if (a !== id && b !== id) continue;
      this.#after(SILENCE_MS, () => this.#unlink(a, b));
    }
  }

  restart(id: string): void {
    const { view } = this.at(id);
    for (const key of [...this.#links]) {
      const [a, b] = key.split(' ') as [string, string];
      if (a === id || b === id) this.#unlink(a, b);
    }
    this.#build({ ...view, draining: false, knownMs: 0 });
  }

  /** @param knownAfterMs the directory tells others only then */
  drain(id: string, knownAfterMs = 0): void {
    const relay = this.at(id);
    relay.view.draining = true;
    relay.view.knownMs = this.nowMs + knownAfterMs;
    relay.bridge.handle({ type: 'draining' });
  }

  /** Ends a relay that drains once nobody is there and nobody needs it, as its process does; its links are closed. */
  endWhenFree(id: string, limitMs: number): void {
    const relay = this.at(id);
    const untilMs = this.nowMs + limitMs;
    const look = () => {
      if (relay.sessions.size > 0 || (relay.bridge.branch.needed && this.nowMs < untilMs)) {
        this.#after(50, look);
        return;
      }
      relay.alive = false;
      for (const key of [...this.#links]) {
        const [a, b] = key.split(' ') as [string, string];
        if (a === id || b === id) this.#after(LINK_MS, () => this.#unlink(a, b));
      }
    };
    this.#after(50, look);
  }

  cut(a: string, b: string): void {
    const key = pair(a, b);
    this.#cut.add(key);
    if (this.#links.has(key)) this.#after(SILENCE_MS, () => this.#cut.has(key) && this.#unlink(a, b));
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Carries out what is due until then. */
  run(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const next = this.#queue[0];
      if (!next || next.atMs > untilMs) break;
      this.#queue.shift();
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = untilMs;
  }

  // What became of it.

  /** Relays that have somebody in the room. */
  hosting(): Relay[] {
    return [...this.relays.values()].filter(({ alive, sessions }) => alive && sessions.size > 0);
  }

  livers(): { relay: string; slot: number; gen: number; sub: string }[] {
    return this.hosting().flatMap(({ view, sessions }) =>
      [...sessions.values()].flatMap(({ sub, liver }) => (liver ? [{ relay: view.id, ...liver, sub }] : [])),
    );
  }

  /** How often a unit of this liver arrives at each relay, and how often it crosses into each region. */
  flood(from: string, slot: number): { arrivals: Map<string, number>; crossings: Map<string, number> } {
    const arrivals = new Map<string, number>();
    const crossings = new Map<string, number>();
    const queue = [from];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      for (const [peer, { to }] of this.at(at).neighbours) {
        if (!(to & (1 << slot))) continue;
        const fed = this.at(peer).neighbours.get(at);
        if (!fed || !(fed.from & (1 << slot))) continue;
        arrivals.set(peer, (arrivals.get(peer) ?? 0) + 1);
        const region = this.at(peer).view.region;
        if (region !== this.at(at).view.region) crossings.set(region, (crossings.get(region) ?? 0) + 1);
        // As the window of the slot does.
        if (arrivals.get(peer) === 1) queue.push(peer);
      }
    }
    return { arrivals, crossings };
  }

  #build(view: RelayView): void {
    const room = new Room(LIMITS, this.nowMs);
    const relay = {} as Relay;
    const branch = new Branch({
      room: ROOM,
      self: view,
      alias: 7,
      first: (region, except) => {
        const able = [...this.relays.values()].filter(
          ({ alive, view: { id, region: at, draining, knownMs } }) =>
            alive && at === region && !(draining && (id === view.id || this.nowMs >= knownMs)) && !except.has(id),
        );
        return able.map((each) => each.view.id).sort((a, b) => (weight(a) < weight(b) ? 1 : -1))[0];
      },
      mayClaim: (origin) => this.#isLinked(view.id) || !this.relays.get(origin)?.alive,
      linked: (peer) => this.#links.has(pair(view.id, peer)),
      lastComment: () => 0,
      random: this.#random,
    });
    const bridge = new Bridge(branch, {
      nowMs: () => this.nowMs,
      dispatch: (event) => this.#dispatch(relay, event),
      post: ({ text }) => relay.posted.push(text),
      early: ({ text }, key) => relay.early.set(key, text),
      retract: (key) => relay.early.delete(key),
      comments: () => {},
      reacted: () => {},
      gone: () => {},
      gift: ({ ticket }) => relay.gifts.push(ticket),
      settled: () => {},
      carryOut: (action) => this.#carryOut(relay, action),
    });
    Object.assign(relay, { view, alive: true, room, bridge });
    Object.assign(relay, {
      early: new Map(),
      posted: [],
      gifts: [],
      neighbours: new Map(),
      sessions: new Map(),
      shown: new Map(),
    });
    this.relays.set(view.id, relay);
    this.#dispatch(relay, { type: 'authority', here: false });
    const tick = () => {
      if (this.relays.get(view.id) !== relay || !relay.alive) return;
      this.#dispatch(relay, { type: 'tick' });
      relay.bridge.handle({ type: 'wanted', wanted: relay.sessions.size > 0 });
      relay.bridge.handle({ type: 'tick' });
      this.#after(TICK_MS, tick);
    };
    this.#after(TICK_MS * this.#random(), tick);
  }

  #isLinked(id: string): boolean {
    return [...this.#links].some((key) => key.split(' ').includes(id));
  }

  #dispatch(relay: Relay, event: RoomEvent): void {
    for (const action of relay.room.handle(event, this.nowMs)) {
      relay.bridge.decided(action);
      this.#apply(relay, action);
    }
  }

  #apply(relay: Relay, action: RoomAction): void {
    switch (action.do) {
      case 'mediaPublish': {
        const { session, slot, gen } = action;
        this.#after(20, () => {
          if (relay.sessions.has(session)) this.#dispatch(relay, { type: 'synced', session, slot, gen });
        });
        return;
      }
      case 'publishing': {
        const known = relay.sessions.get(action.session);
        if (known) known.liver = { slot: action.slot, gen: action.gen };
        return;
      }
      case 'liver':
        relay.shown.set(action.liver.slot, { gen: action.liver.gen, sub: action.liver.sub });
        return;
      case 'left':
        relay.shown.delete(action.slot);
        return;
      case 'closeSession':
        this.#after(0, () => this.leave(relay.view.id, action.session, true));
        return;
    }
  }

  #carryOut(relay: Relay, action: Outward): void {
    const { id } = relay.view;
    switch (action.do) {
      case 'send':
        this.#send(id, action.peer, action.message);
        return;
      case 'dial':
        this.#dial(id, action.peer);
        return;
      case 'lookup':
        this.#after(5, () => this.#tell(relay));
        return;
      case 'claim':
        this.#after(10, () => this.#claim(relay, action.epoch, action.origin));
        return;
      case 'attach':
        relay.neighbours.set(action.peer, { to: 0, from: 0 });
        return;
      case 'detach':
        relay.neighbours.delete(action.peer);
        return;
      case 'media':
        relay.neighbours.set(action.peer, { to: action.to, from: action.from });
        return;
    }
  }

  #tell(relay: Relay): void {
    if (relay.alive && this.#place) relay.bridge.handle({ type: 'placed', place: this.#place });
  }

  #claim(relay: Relay, epoch: number, origin: string): void {
    if (!relay.alive || !this.#place) return;
    if (this.#place.epoch !== epoch) {
      relay.bridge.handle({ type: 'unclaimed' });
      this.#tell(relay);
      return;
    }
    this.#place = { ...this.#place, epoch: epoch + 1, origin };
    for (const each of this.relays.values()) this.#after(5 + 40 * this.#random(), () => this.#tell(each));
  }

  #dial(from: string, to: string): void {
    const key = pair(from, to);
    const far = this.relays.get(to);
    const open = far?.alive && this.at(from).alive && !this.#cut.has(key);
    this.#after(open ? LINK_MS : SILENCE_MS, () => {
      if (this.#links.has(key)) return;
      if (!open || !this.relays.get(to)?.alive) {
        this.#link(from, to, false);
        return;
      }
      this.#links.add(key);
      this.#link(from, to, true);
      this.#link(to, from, true);
    });
  }

  #unlink(a: string, b: string): void {
    if (!this.#links.delete(pair(a, b))) return;
    this.#link(a, b, false);
    this.#link(b, a, false);
  }

  #link(at: string, peer: string, up: boolean): void {
    const relay = this.at(at);
    if (relay.alive) relay.bridge.handle({ type: 'link', peer, up });
  }

  #send(from: string, to: string, message: RoomMessage): void {
    this.messages += 1;
    const key = pair(from, to);
    const [sender, receiver] = [this.at(from), this.relays.get(to)];
    if (!this.#links.has(key)) return;
    this.#after(LINK_MS, () => {
      // The link of then: what was on its way when one end went is lost.
      if (!this.#links.has(key) || this.#cut.has(key)) return;
      if (this.relays.get(from) !== sender || this.relays.get(to) !== receiver || !receiver?.alive) return;
      receiver.bridge.handle({ type: 'message', peer: from, message });
    });
  }

  #after(ms: number, run: () => void): void {
    const atMs = this.nowMs + ms;
    let at = this.#queue.length;
    while (at > 0 && this.#queue[at - 1]!.atMs > atMs) at -= 1;
    this.#queue.splice(at, 0, { atMs, run });
  }
}

function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
