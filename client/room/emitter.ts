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
  readonly #byType = new Map<keyof Events, Listeners<never>>();

  on<K extends keyof Events>(type: K, listener: Listener<Events[K]>): () => void {
    let listeners = this.#byType.get(type) as Listeners<Events[K]> | undefined;
    if (!listeners) {
      listeners = new Listeners<Events[K]>();
      this.#byType.set(type, listeners as Listeners<never>);
    }
    return listeners.add(listener);
  }

  has(type: keyof Events): boolean {
    return (this.#byType.get(type)?.size ?? 0) > 0;
  }

  emit<K extends keyof Events>(type: K, value: Events[K]): void {
    (this.#byType.get(type) as Listeners<Events[K]> | undefined)?.emit(value);
  }

  clear(): void {
    this.#byType.clear();
  }
}
