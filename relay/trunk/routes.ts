import type { Liver, RoutedLiver } from '@hayate/codec/messages';
import type { RelayId } from './types.ts';

const MAX_SLOTS = 8;
/** A way that is longer leads round in a circle. */
const MAX_HOPS = 15;

/** What a way over a former parent is longer by, on both ends: others are found before it goes. */
const RETIRED_HOPS = 6;

interface Route {
  liver: Liver;
  /** Relays between this one and the liver's. */
  hops: number;
  /** Undefined: of this relay. */
  via: RelayId | undefined;
  /** Tells livers of equal content. */
  key: string;
}

/** What became of a slot for the relay's own room. */
export type SlotChange = { slot: number; liver: Liver } | { slot: number; gen: number; gone: boolean };

/** What a neighbour is to hear. */
export type Told = { peer: RelayId } & ({ liver: RoutedLiver } | { slot: number; gen: number; gone: boolean });

/**
 * By which neighbour the media of each slot comes. Each neighbour says what it has and is told what it does not have from
 * itself; so routes mend themselves when the tree changes, and a slot never goes back to where it came from.
 */
export class Routes {
  readonly #local = new Map<number, Route>();
  /** Slots that a session of this relay is about to publish on. */
  readonly #reserved = new Set<number>();
  readonly #heard = new Map<RelayId, Map<number, Route>>();
  readonly #told = new Map<RelayId, Map<number, Route>>();
  /** Parents to be and former ones, each with the parent that is there instead. */
  readonly #pending = new Map<RelayId, RelayId | undefined>();
  readonly #retired = new Set<RelayId>();
  readonly #best: (Route | undefined)[] = new Array(MAX_SLOTS).fill(undefined);
  /** What the room here was told of slots elsewhere. */
  readonly #shown: (Route | undefined)[] = new Array(MAX_SLOTS).fill(undefined);
  /** Generations that ended for good, so that who hears of the end tells it as such. */
  readonly #gone = new Map<number, number>();

  setLocal(slot: number, liver: Liver | undefined): void {
    this.#reserved.delete(slot);
    if (liver) this.#local.set(slot, { liver, hops: 0, via: undefined, key: keyOf(liver) });
    else {
      const was = this.#local.get(slot);
      if (was) this.#gone.set(slot, was.liver.gen);
      this.#local.delete(slot);
    }
  }

  reserve(slot: number): void {
    this.#reserved.add(slot);
  }

  unreserve(slot: number): void {
    this.#reserved.delete(slot);
  }

  /** A neighbour from now on: `livers` is all that it has. */
  add(peer: RelayId, livers: readonly RoutedLiver[]): void {
    this.#heard.set(peer, new Map(livers.map((liver) => [liver.slot, routeOf(peer, liver)])));
    this.#pending.delete(peer);
    this.#retired.delete(peer);
    if (!this.#told.has(peer)) this.#told.set(peer, new Map());
  }

  drop(peer: RelayId): void {
    this.#heard.delete(peer);
    this.#told.delete(peer);
    this.#pending.delete(peer);
    this.#retired.delete(peer);
  }

  /**
   * What a parent to be is told at first; `settle` tells it of what changes. Not what the present parent gave: the new one
   * has its own way to it.
   */
  offer(peer: RelayId, parent: RelayId | undefined): RoutedLiver[] {
    this.#pending.set(peer, parent);
    return this.open(peer);
  }

  /** A former parent goes on getting what does not come from the one that took its place. */
  retire(peer: RelayId, parent: RelayId): void {
    this.#pending.set(peer, parent);
    this.#retired.add(peer);
  }

  /** Does nothing for who is no neighbour. */
  hear(peer: RelayId, liver: RoutedLiver): void {
    this.#heard.get(peer)?.set(liver.slot, routeOf(peer, liver));
  }

  unhear(peer: RelayId, slot: number, gen: number, gone: boolean): void {
    const heard = this.#heard.get(peer);
    if (heard?.get(slot)?.liver.gen !== gen) return;
    heard.delete(slot);
    if (gone) this.#gone.set(slot, gen);
  }

  /** The neighbour that says it has this liver, or undefined. */
  holder(slot: number, gen: number): RelayId | undefined {
    for (const [peer, heard] of this.#heard) if (heard.get(slot)?.liver.gen === gen) return peer;
    return undefined;
  }

  /** Somebody else has this slot, here or behind another neighbour, in a generation that is no older. */
  contested(by: RelayId, slot: number, gen: number, sub: string): boolean {
    const own = this.#local.get(slot);
    if (own && own.liver.sub !== sub) return true;
    for (const [peer, heard] of this.#heard) {
      const liver = peer === by ? undefined : heard.get(slot)?.liver;
      if (liver && liver.sub !== sub && signed8(gen - liver.gen) <= 0) return true;
    }
    return false;
  }

  via(slot: number): RelayId | undefined {
    return this.#best[slot]?.via;
  }

  local(slot: number): Liver | undefined {
    return this.#local.get(slot)?.liver;
  }

  /** What this neighbour does not have from itself; `settle` tells it of what changes from then on. */
  open(peer: RelayId): RoutedLiver[] {
    this.#choose();
    const routes = this.#wanted(peer);
    this.#told.set(peer, new Map(routes.map((route) => [route.liver.slot, route])));
    return routes.map(routed);
  }

  /**
   * Slots that go to this neighbour, and those that it may feed: all that it says it has, so that nothing is lost while a
   * way changes.
   */
  masks(peer: RelayId): { to: number; from: number } {
    let [to, from] = [0, 0];
    const heard = this.#heard.get(peer);
    const instead = this.#pending.get(peer);
    for (let slot = 0; slot < MAX_SLOTS; slot++) {
      const best = this.#best[slot];
      const via = best?.via;
      if (via === undefined || (via !== peer && via !== instead)) to |= 1 << slot;
      const here = best?.via === undefined || this.#reserved.has(slot);
      if (!here && heard?.get(slot)?.liver.gen === best.liver.gen) from |= 1 << slot;
    }
    return { to, from };
  }

  /** Chooses anew. Gives what the own room and the neighbours are to hear of it. */
  settle(): { room: SlotChange[]; told: Told[] } {
    this.#choose();
    const room = this.#changes();
    const told: Told[] = [];
    for (const [peer, before] of this.#told) {
      const now = new Map(this.#wanted(peer).map((route) => [route.liver.slot, route]));
      for (const [slot, { liver }] of before) {
        const { gen } = liver;
        if (!now.has(slot)) told.push({ peer, slot, gen, gone: this.#gone.get(slot) === gen });
      }
      for (const [slot, route] of now) {
        const was = before.get(slot);
        if (was?.key !== route.key || was.hops !== route.hops) told.push({ peer, liver: routed(route) });
      }
      this.#told.set(peer, now);
    }
    return { room, told };
  }

  #changes(): SlotChange[] {
    const changes: SlotChange[] = [];
    for (let slot = 0; slot < MAX_SLOTS; slot++) {
      const best = this.#best[slot];
      const elsewhere = best?.via === undefined ? undefined : best;
      const shown = this.#shown[slot];
      this.#shown[slot] = elsewhere;
      if (elsewhere && elsewhere.key !== shown?.key) changes.push({ slot, liver: elsewhere.liver });
      // A liver of this relay in its place was told by the room itself.
      if (shown && best === undefined) {
        const { gen } = shown.liver;
        changes.push({ slot, gen, gone: this.#gone.get(slot) === gen });
      }
    }
    return changes;
  }

  #choose(): void {
    for (let slot = 0; slot < MAX_SLOTS; slot++) this.#best[slot] = this.#bestOf(slot);
  }

  /** The newest generation, then the shortest way; of equal ones that of this relay, then the way it came so far. */
  #bestOf(slot: number): Route | undefined {
    const former = this.#best[slot];
    let best = this.#local.get(slot);
    for (const [via, heard] of this.#heard) {
      const known = heard.get(slot);
      if (!known || known.hops > MAX_HOPS) continue;
      const route = this.#retired.has(via) ? longer(known) : known;
      const ahead = best ? signed8(route.liver.gen - best.liver.gen) || best.hops - route.hops : 1;
      const asBefore = ahead === 0 && best?.via !== undefined && former?.via === via;
      if (ahead > 0 || asBefore) best = route;
    }
    return best;
  }

  #wanted(peer: RelayId): Route[] {
    const parent = this.#pending.get(peer);
    const fit = ({ via }: Route) => via === undefined || (via !== peer && via !== parent);
    const routes = this.#best.filter((route) => route !== undefined && fit(route)) as Route[];
    return this.#retired.has(peer) ? routes.map(longer) : routes;
  }
}

function routeOf(via: RelayId, { hops, ...liver }: RoutedLiver): Route {
  return { liver, hops: hops + 1, via, key: keyOf(liver) };
}

const longer = (route: Route): Route => ({ ...route, hops: route.hops + RETIRED_HOPS });

function routed({ liver, hops }: Route): RoutedLiver {
  return { ...liver, hops: Math.min(hops, MAX_HOPS + 1) };
}

function keyOf({ slot, gen, sub, name, motion, voice, info }: Liver): string {
  return JSON.stringify([slot, gen, sub, name, motion, motion?.config && [...motion.config], voice, info]);
}

/** Generations count modulo 256. */
function signed8(value: number): number {
  return (value << 24) >> 24;
}
