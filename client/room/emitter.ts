type Listener<T> = (value: T) => void;

/** Reports an error of the application's own callback without breaking who called it. */
function reportUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Listeners of one event. */
export class Listeners<T> {
  #listeners: Listener<T>[] = [];

  add(listener: Listener<T>): () => void {
    // Copied on change, so that emit() may run over a list that its listeners edit.
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  get size(): number {
    return this.#listeners.length;
  }

  emit(value: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(value);
      } catch (error) {
        reportUncaught(error);
      }
    }
  }

  clear(): void {
    this.#listeners = [];
  }
}

/** Typed listeners by event name. */
export class Emitter<Events extends object> {
  readonly #byType: { [K in keyof Events]?: Listeners<Events[K]> } = {};

  on<K extends keyof Events>(type: K, listener: Listener<Events[K]>): () => void {
    this.#byType[type] ??= new Listeners<Events[K]>();
    return this.#byType[type].add(listener);
  }

  has(type: keyof Events): boolean {
    return (this.#byType[type]?.size ?? 0) > 0;
  }

  emit<K extends keyof Events>(type: K, value: Events[K]): void {
    this.#byType[type]?.emit(value);
  }

  clear(): void {
    for (const type in this.#byType) this.#byType[type]?.clear();
  }
}
