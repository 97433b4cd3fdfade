import { giftNames } from './names.ts';
import type { GiftStore } from './store.ts';

/** Named values that change in place, by compare-and-set. */
export class Values {
  readonly #store: GiftStore;

  constructor(store: GiftStore) {
    this.#store = store;
  }

  async get<T>(name: string): Promise<T | undefined> {
    return (await this.read<T>(name)).value;
  }

  /** @returns `sequence` is what a `write` of this state expects */
  async read<T>(name: string): Promise<{ value: T | undefined; sequence: number }> {
    const { state, value } = giftNames(this.#store.region);
    const entry = await this.#store.last<T>(state, value(name));
    return { value: entry?.body, sequence: entry?.sequence ?? 0 };
  }

  /** Gives the new sequence; undefined: the value is another by now. */
  write(name: string, value: unknown, behind: number): Promise<number | undefined> {
    const subject = giftNames(this.#store.region).value(name);
    return this.#store.append(subject, value, { filter: subject, sequence: behind });
  }

  /** @param change gives the new value; undefined leaves it. Called again when another was written meanwhile */
  async update<T>(name: string, change: (before: T | undefined) => T | undefined): Promise<void> {
    for (;;) {
      const { value, sequence } = await this.read<T>(name);
      const next = change(value);
      if (next === undefined || (await this.write(name, next, sequence)) !== undefined) return;
    }
  }
}
