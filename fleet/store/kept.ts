import type { Store } from './store.ts';

/**
 * One value of the store as its only writer has it. Whoever else wrote it takes it away: `save` is false and `load` gives
 * what is there. So a leader that was overtaken changes nothing.
 */
export class Kept<T> {
  readonly #store: Store;
  readonly #name: string;
  #sequence: number | undefined;
  #saving: Promise<boolean> = Promise.resolve(true);

  constructor(store: Store, name: string) {
    this.#store = store;
    this.#name = name;
  }

  /** Undefined: never written. */
  async load(): Promise<T | undefined> {
    const { value, sequence } = await this.#store.read<T>(this.#name);
    this.#sequence = sequence;
    return value;
  }

  get loaded(): boolean {
    return this.#sequence !== undefined;
  }

  /** What is only remembered is written over what another one wrote. */
  async remember(value: T): Promise<void> {
    if (await this.save(value)) return;
    await this.load().catch(() => {
      this.#sequence = undefined;
    });
  }

  /** One after the other. Never rejects; false: it is not known to be kept, load again. */
  save(value: T): Promise<boolean> {
    this.#saving = this.#saving.then(async () => {
      if (this.#sequence === undefined) return false;
      const sequence = await this.#store.write(this.#name, value, this.#sequence).catch(() => undefined);
      this.#sequence = sequence;
      return sequence !== undefined;
    });
    return this.#saving;
  }
}
