/** Monotonic counts by name and label; what /metrics and `stats()` read. */
export class Counters {
  readonly #counts = new Map<string, Map<string, number>>();

  add(name: string, label = '', n = 1): void {
    let labels = this.#counts.get(name);
    if (!labels) {
      labels = new Map();
      this.#counts.set(name, labels);
    }
    labels.set(label, (labels.get(label) ?? 0) + n);
  }

  get(name: string): ReadonlyMap<string, number> {
    return this.#counts.get(name) ?? EMPTY;
  }

  total(name: string): number {
    let sum = 0;
    for (const n of this.get(name).values()) sum += n;
    return sum;
  }
}

const EMPTY: ReadonlyMap<string, number> = new Map();
