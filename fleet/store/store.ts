/** Named values, written by compare-and-set: what two instances of the fleet share. Rejects with any error while it is away. */
export interface Store {
  /** `sequence` is what a `write` of this state expects; 0: never written. */
  read<T>(name: string): Promise<{ value: T | undefined; sequence: number }>;
  /** Gives the new sequence; undefined: the value is another by now. Plain JSON. */
  write(name: string, value: unknown, behind: number): Promise<number | undefined>;
}

/** For tests, simulations, and a single instance that may forget. */
export class MemoryStore implements Store {
  readonly #values = new Map<string, { json: string; sequence: number }>();
  #sequence = 0;
  /** Rejects everything. */
  away = false;

  async read<T>(name: string): Promise<{ value: T | undefined; sequence: number }> {
    if (this.away) throw new Error('the store is away');
    const found = this.#values.get(name);
    return { value: found && (JSON.parse(found.json) as T), sequence: found?.sequence ?? 0 };
  }

  async write(name: string, value: unknown, behind: number): Promise<number | undefined> {
    if (this.away) throw new Error('the store is away');
    if ((this.#values.get(name)?.sequence ?? 0) !== behind) return undefined;
    this.#sequence += 1;
    this.#values.set(name, { json: JSON.stringify(value), sequence: this.#sequence });
    return this.#sequence;
  }
}
