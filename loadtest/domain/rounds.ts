const SLICES = 80;

/**
 * Calls each member once in `everyMs`, those of a slice of it in one turn: the engine is woken once for all that they send,
 * where a timer each would wake it thousands of times. The process may end meanwhile.
 */
export class Rounds<T> {
  readonly #everyMs: number;
  readonly #call: (member: T) => void;
  readonly #slices = Array.from({ length: SLICES }, () => new Set<T>());
  #added = 0;
  #members = 0;
  #next = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(everyMs: number, call: (member: T) => void) {
    this.#everyMs = everyMs;
    this.#call = call;
  }

  /** Returns the way to remove it; idempotent. */
  add(member: T): () => void {
    const slice = this.#slices[this.#added++ % SLICES]!;
    slice.add(member);
    this.#members += 1;
    if (!this.#timer) {
      this.#timer = setInterval(() => this.#turn(), this.#everyMs / SLICES);
      this.#timer.unref();
    }
    return () => {
      if (!slice.delete(member)) return;
      this.#members -= 1;
      if (this.#members > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #turn(): void {
    for (const member of this.#slices[this.#next++ % SLICES]!) this.#call(member);
  }
}
