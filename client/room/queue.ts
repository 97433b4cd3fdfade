/**
 * An async iterator over pushed values. Holds at most `limit`; then the oldest goes and `onDrop` hears of it.
 * Any number of `next()` may wait; `end()` and `return()` settle them all.
 */
export class BoundedQueue<T> implements AsyncIterableIterator<T> {
  readonly #limit: number;
  readonly #onDrop: (() => void) | undefined;
  readonly #onEnd: (() => void) | undefined;
  readonly #items: T[] = [];
  readonly #waiting: ((result: IteratorResult<T>) => void)[] = [];
  #ended = false;
  #error: unknown;

  constructor(limit: number, hooks: { onDrop?: () => void; onEnd?: () => void } = {}) {
    this.#limit = limit;
    this.#onDrop = hooks.onDrop;
    this.#onEnd = hooks.onEnd;
  }

  push(value: T): void {
    if (this.#ended) return;
    const waiter = this.#waiting.shift();
    if (waiter) {
      waiter({ value, done: false });
      return;
    }
    if (this.#items.length >= this.#limit) {
      this.#items.shift();
      this.#onDrop?.();
    }
    this.#items.push(value);
  }

  get size(): number {
    return this.#items.length;
  }

  /** Ends it: behind what is queued, one `next()` rejects with this. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#error = error;
    this.end();
  }

  /** What is queued can still be read. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const waiter of this.#waiting.splice(0)) waiter({ value: undefined, done: true });
    this.#onEnd?.();
  }

  next(): Promise<IteratorResult<T>> {
    const value = this.#items.shift();
    if (value !== undefined) return Promise.resolve({ value, done: false });
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<T>> {
    this.#items.length = 0;
    this.#error = undefined;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
