/**
 * Which sessions' time is over, the earliest first. A binary heap: setting and taking cost the logarithm of how many there
 * are, and a thousand sessions need one timer. Pure: time is an argument.
 */
export class Expiries<Key> {
  readonly #heap: { key: Key; atMs: number }[] = [];
  readonly #place = new Map<Key, number>();

  get size(): number {
    return this.#heap.length;
  }

  /** When the first one is over; undefined: there is none. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  /** Takes the place of what was set for this key before. */
  set(key: Key, atMs: number): void {
    this.delete(key);
    this.#heap.push({ key, atMs });
    this.#place.set(key, this.#heap.length - 1);
    this.#rise(this.#heap.length - 1);
  }

  /** Nothing where the key is not known. */
  delete(key: Key): void {
    const at = this.#place.get(key);
    if (at === undefined) return;
    this.#swap(at, this.#heap.length - 1);
    this.#heap.pop();
    this.#place.delete(key);
    if (at < this.#heap.length) {
      this.#rise(at);
      this.#sink(at);
    }
  }

  /** Takes out the keys whose time is at most `nowMs`, the earliest first. */
  *take(nowMs: number): Generator<Key> {
    for (let first = this.#heap[0]; first && first.atMs <= nowMs; first = this.#heap[0]) {
      this.delete(first.key);
      yield first.key;
    }
  }

  #rise(at: number): void {
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#heap[parent]!.atMs <= this.#heap[at]!.atMs) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(at: number): void {
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#heap[child]!.atMs < this.#heap[least]!.atMs) least = child;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#heap[a]!, this.#heap[b]!];
    this.#heap[a] = second;
    this.#heap[b] = first;
    this.#place.set(second.key, a);
    this.#place.set(first.key, b);
  }
}
