import { hash } from './hash.ts';

/**
 * Relays in the order of a hash of their ids, closed to a ring. Each hears the heartbeats of the next few only, so that a
 * relay's share stays the same however many there are, and each is heard by just as many.
 */
export class Ring {
  readonly #places: { at: number; id: string }[] = [];

  get size(): number {
    return this.#places.length;
  }

  add(id: string): void {
    const at = hash(id);
    const index = this.#find(at, id);
    if (this.#places[index]?.id !== id) this.#places.splice(index, 0, { at, id });
  }

  delete(id: string): void {
    const index = this.#find(hash(id), id);
    if (this.#places[index]?.id === id) this.#places.splice(index, 1);
  }

  /** Up to `count` ids after `id`'s place, nearest first, without `id` itself, which need not be in the ring. */
  after(id: string, count: number): string[] {
    const out: string[] = [];
    const start = this.#find(hash(id), id);
    for (let i = 0; i < this.size && out.length < count; i++) {
      const place = this.#places[(start + i) % this.size]!;
      if (place.id !== id) out.push(place.id);
    }
    return out;
  }

  /** Index of the first place not before (at, id). */
  #find(at: number, id: string): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const place = this.#places[middle]!;
      if (place.at < at || (place.at === at && place.id < id)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
