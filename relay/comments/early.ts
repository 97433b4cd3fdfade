/** More than a room shows in the time that a comment waits for its number at most. */
const REMEMBERED = 512;

/**
 * Keys of the comments that came before their numbers, so that each is shown once, however many ways it comes, and taken back
 * only while it has none.
 */
export class EarlyComments {
  /** Whether it is shown without a number. */
  readonly #shown = new Map<number, boolean>();

  has(key: number): boolean {
    return this.#shown.has(key);
  }

  show(key: number): void {
    this.#set(key, true);
  }

  /** It has its number. True: it is shown already. */
  numbered(key: number): boolean {
    const shown = this.#shown.get(key) === true;
    this.#set(key, false);
    return shown;
  }

  /** It gets no number. False: it is not shown, or has one. */
  retract(key: number): boolean {
    if (this.#shown.get(key) !== true) return false;
    this.#shown.set(key, false);
    return true;
  }

  #set(key: number, shown: boolean): void {
    this.#shown.set(key, shown);
    const [oldest] = this.#shown.keys();
    if (this.#shown.size > REMEMBERED && oldest !== undefined) this.#shown.delete(oldest);
  }
}
