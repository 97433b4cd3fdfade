import type { Environment } from '../room/environment.ts';

/** A comment is numbered or refused within 5 s; with the way back it is given up after so long on an open stream, ms. */
const NUMBER_LIMIT_MS = 6000;
/** Keys remembered. */
const REMEMBERED = 512;

interface Early {
  subject: string;
  sinceMs: number;
}

/** Comments that came before their numbers: each is shown once, and has its number or is taken back in the end. */
export class EarlyComments {
  readonly #environment: Environment;
  readonly #onGivenUp: (keys: number[]) => void;
  /** By key; undefined: it has its number, or was taken back. */
  readonly #known = new Map<number, Early | undefined>();
  #timer: unknown;

  /** @param onGivenUp so long without a number: these were taken back where nobody could tell */
  constructor(environment: Environment, onGivenUp: (keys: number[]) => void) {
    this.#environment = environment;
    this.#onGivenUp = onGivenUp;
  }

  /** False: it came before. */
  take(key: number, subject: string): boolean {
    if (this.#known.has(key)) return false;
    this.#set(key, { subject, sinceMs: this.#environment.nowMs() });
    this.#arm();
    return true;
  }

  /** It has its number. True: it is shown already. */
  numbered(key: number): boolean {
    const shown = this.#known.get(key) !== undefined;
    this.#set(key, undefined);
    return shown;
  }

  /** They are shown no more. Gives those that were. */
  retract(keys: readonly number[]): number[] {
    const shown = keys.filter((key) => this.#known.get(key) !== undefined);
    for (const key of shown) this.#known.set(key, undefined);
    return shown;
  }

  /** Nothing of this person is shown any more. */
  retractOf(subject: string): void {
    for (const [key, early] of this.#known) if (early?.subject === subject) this.#known.set(key, undefined);
  }

  /** A stream is open: numbers may come again, of those before it, too. */
  resume(): void {
    const now = this.#environment.nowMs();
    for (const early of this.#known.values()) if (early) early.sinceMs = now;
    this.#arm();
  }

  /** Nothing comes now. */
  pause(): void {
    this.#environment.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    const [first] = this.#shown();
    if (!first || this.#timer !== undefined) return;
    const waitMs = first[1].sinceMs + NUMBER_LIMIT_MS - this.#environment.nowMs();
    this.#timer = this.#environment.setTimer(() => this.#giveUp(), waitMs);
  }

  #giveUp(): void {
    this.#timer = undefined;
    const before = this.#environment.nowMs() - NUMBER_LIMIT_MS;
    const late = [...this.#shown()].flatMap(([key, { sinceMs }]) => (sinceMs <= before ? [key] : []));
    if (late.length > 0) this.#onGivenUp(this.retract(late));
    this.#arm();
  }

  /** Oldest first. */
  *#shown(): Generator<[number, Early]> {
    for (const [key, early] of this.#known) if (early) yield [key, early];
  }

  #set(key: number, early: Early | undefined): void {
    this.#known.set(key, early);
    const [oldest] = this.#known.keys();
    if (this.#known.size > REMEMBERED && oldest !== undefined) this.#known.delete(oldest);
  }
}
