import type { RelayId } from './types.ts';

export interface Crowd {
  people: number;
  viewers: number;
}

const NOBODY: Crowd = { people: 0, viewers: 0 };

/** How many are in a room on which side of the tree: each neighbour is told of all that are not on its own. */
export class Crowds {
  readonly #heard = new Map<RelayId, Crowd>();
  readonly #told = new Map<RelayId, Crowd>();
  #here = NOBODY;
  #shown = NOBODY;

  here(people: number, viewers: number): void {
    this.#here = { people, viewers };
  }

  heard(peer: RelayId, people: number, viewers: number): void {
    this.#heard.set(peer, { people, viewers });
  }

  drop(peer: RelayId): void {
    this.#heard.delete(peer);
    this.#told.delete(peer);
  }

  /** For a message to this neighbour that carries it; `changed` tells what comes later. */
  told(peer: RelayId): Crowd {
    const crowd = this.#sum(peer, this.#here);
    this.#told.set(peer, crowd);
    return crowd;
  }

  /** Of this relay and its children. */
  below(parent: RelayId | undefined): Crowd {
    return this.#sum(parent, this.#here);
  }

  changed(): (Crowd & { peer: RelayId })[] {
    const out: (Crowd & { peer: RelayId })[] = [];
    for (const peer of this.#heard.keys()) {
      const before = this.#told.get(peer);
      const now = this.told(peer);
      if (!same(before, now)) out.push({ peer, ...now });
    }
    return out;
  }

  /** At all other relays, when that has changed. */
  elsewhere(): Crowd | undefined {
    const now = this.#sum(undefined, NOBODY);
    if (same(this.#shown, now)) return undefined;
    this.#shown = now;
    return now;
  }

  #sum(without: RelayId | undefined, from: Crowd): Crowd {
    let { people, viewers } = from;
    for (const [peer, crowd] of this.#heard) {
      if (peer === without) continue;
      people += crowd.people;
      viewers += crowd.viewers;
    }
    return { people, viewers };
  }
}

function same(a: Crowd | undefined, b: Crowd): boolean {
  return a?.people === b.people && a.viewers === b.viewers;
}
