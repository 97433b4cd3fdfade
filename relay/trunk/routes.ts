import type { Liver } from '@hayate/codec/messages';
import type { RelayId } from './types.ts';

const MAX_SLOTS = 8;

interface Route {
  liver: Liver;
  /** Undefined: of this relay. */
  via: RelayId | undefined;
}

/** What became of a slot for the relay's own room. */
export type SlotChange = { slot: number; liver: Liver } | { slot: number; gen: number; gone: boolean };

/** What a neighbour is to hear. */
export type Told = { peer: RelayId } & SlotChange;

/**
 * By which neighbour the media of each slot comes. Each neighbour says what it has and is told what it does not have from
 * itself; so routes mend themselves when the tree changes, and a slot never goes back to where it came from.
 */
export class Routes {
  readonly #local = new Map<number, Liver>();
  /** Slots that a session of this relay is about to publish on, with its generation. */
  readonly #reserved = new Map<number, number>();
  readonly #heard = new Map<RelayId, Map<number, Liver>>();
  readonly #told = new Map<RelayId, Map<number, Liver>>();
  /** Parents to be, each with the parent whose place it is to take. */
  readonly #pending = new Map<RelayId, RelayId | undefined>();
  readonly #best: (Route | undefined)[] = new Array(MAX_SLOTS).fill(undefined);
  /** What the room here was told of slots elsewhere. */
  readonly #shown: (Liver | undefined)[] = new Array(MAX_SLOTS).fill(undefined);
  /** Generations that ended for good, so that who hears of the end tells it as such. */
  readonly #gone = new Map<number, number>();

  setLocal(slot: number, liver: Liver | undefined): void {
    this.#reserved.delete(slot);
    if (liver) this.#local.set(slot, liver);
    else {
      const was = this.#local.get(slot);
      if (was) this.#gone.set(slot, was.gen);
      this.#local.delete(slot);
    }
  }

  reserve(slot: number, gen: number): void {
    this.#reserved.set(slot, gen);
  }

  unreserve(slot: number, gen: number): void {
    if (this.#reserved.get(slot) === gen) this.#reserved.delete(slot);
  }

  /** A neighbour from now on: `livers` is all that it has. */
  add(peer: RelayId, livers: readonly Liver[]): void {
    this.#heard.set(peer, new Map(livers.map((liver) => [liver.slot, liver])));
    this.#pending.delete(peer);
    if (!this.#told.has(peer)) this.#told.set(peer, new Map());
  }

  drop(peer: RelayId): void {
    this.#heard.delete(peer);
    this.#told.delete(peer);
    this.#pending.delete(peer);
  }

  /**
   * What a parent to be is told at first; `settle` tells it of what changes. Not what the present parent gave: the new one
   * has its own way to it.
   */
  offer(peer: RelayId, parent: RelayId | undefined): Liver[] {
    this.#pending.set(peer, parent);
    return this.open(peer);
  }

  /** Does nothing for who is no neighbour. */
  hear(peer: RelayId, liver: Liver): void {
    this.#heard.get(peer)?.set(liver.slot, liver);
  }

  unhear(peer: RelayId, slot: number, gen: number, gone: boolean): void {
    const heard = this.#heard.get(peer);
    if (heard?.get(slot)?.gen !== gen) return;
    heard.delete(slot);
    if (gone) this.#gone.set(slot, gen);
  }

  via(slot: number): RelayId | undefined {
    return this.#best[slot]?.via;
  }

  /** The neighbour that says it has this liver, or undefined. */
  holder(slot: number, gen: number): RelayId | undefined {
    for (const [peer, heard] of this.#heard) if (heard.get(slot)?.gen === gen) return peer;
    return undefined;
  }

  local(slot: number): Liver | undefined {
    return this.#local.get(slot);
  }

  /** What this neighbour does not have from itself; `settle` tells it of what changes from then on. */
  open(peer: RelayId): Liver[] {
    this.#choose();
    const livers = this.#wanted(peer);
    this.#told.set(peer, new Map(livers.map((liver) => [liver.slot, liver])));
    return livers;
  }

  /** Slots that go to this neighbour, and those that may come from it. */
  masks(peer: RelayId): { to: number; from: number } {
    let [to, from] = [0, 0];
    for (let slot = 0; slot < MAX_SLOTS; slot++) {
      if (this.#best[slot]?.via === peer && !this.#reserved.has(slot)) from |= 1 << slot;
      else to |= 1 << slot;
    }
    return { to, from };
  }

  /** Chooses anew. Gives what the own room and the neighbours are to hear of it. */
  settle(): { room: SlotChange[]; told: Told[] } {
    this.#choose();
    const room = this.#changes();
    const told: Told[] = [];
    for (const [peer, before] of this.#told) {
      const now = new Map(this.#wanted(peer).map((liver) => [liver.slot, liver]));
      for (const [slot, { gen }] of before) {
        if (!now.has(slot)) told.push({ peer, slot, gen, gone: this.#gone.get(slot) === gen });
      }
      for (const [slot, liver] of now) if (before.get(slot) !== liver) told.push({ peer, slot, liver });
      this.#told.set(peer, now);
    }
    return { room, told };
  }

  #changes(): SlotChange[] {
    const changes: SlotChange[] = [];
    for (let slot = 0; slot < MAX_SLOTS; slot++) {
      const best = this.#best[slot];
      const elsewhere = best?.via === undefined ? undefined : best.liver;
      const shown = this.#shown[slot];
      this.#shown[slot] = elsewhere;
      if (elsewhere && elsewhere !== shown) changes.push({ slot, liver: elsewhere });
      // A liver of this relay in its place was told by the room itself.
      if (!elsewhere && shown && best === undefined) {
        changes.push({ slot, gen: shown.gen, gone: this.#gone.get(slot) === shown.gen });
      }
    }
    return changes;
  }

  #choose(): void {
    for (let slot = 0; slot < MAX_SLOTS; slot++) this.#best[slot] = this.#bestOf(slot);
  }

  /** The newest generation; of equal ones that of this relay, then the way it came so far. */
  #bestOf(slot: number): Route | undefined {
    const local = this.#local.get(slot);
    const former = this.#best[slot];
    let best: Route | undefined = local ? { liver: local, via: undefined } : undefined;
    for (const [via, heard] of this.#heard) {
      const liver = heard.get(slot);
      if (!liver) continue;
      const ahead = best ? signed8(liver.gen - best.liver.gen) : 1;
      const asBefore = ahead === 0 && best?.via !== undefined && former?.via === via;
      if (ahead > 0 || asBefore) best = { liver, via };
    }
    return best;
  }

  #wanted(peer: RelayId): Liver[] {
    const parent = this.#pending.get(peer);
    const fit = ({ via }: Route) => via === undefined || (via !== peer && via !== parent);
    return this.#best.flatMap((route) => (route && fit(route) ? [route.liver] : []));
  }
}

/** Generations count modulo 256. */
export function signed8(value: number): number {
  return (value << 24) >> 24;
}
