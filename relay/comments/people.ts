import { RateLimit } from '../reliable/rate.ts';
import type { CommentRates } from './types.ts';

/** Beyond this, who wrote longest ago is forgotten: a fresh bucket is the worst that follows. */
const MAX_PEOPLE = 20_000;
const FIRST_SWEEP = 256;

interface Person {
  bucket: RateLimit;
  /** Of the last comment. */
  wroteMs: number;
}

/** Gives back what `take` took. */
export type Undo = () => void;

/**
 * How often each person may comment in one room, over all their sessions. Who has their whole burst again, and no slow mode
 * to wait for, is forgotten.
 */
export class People {
  /** Seconds between two comments of one person; 0: no slow mode. */
  slowSeconds = 0;
  readonly #rates: CommentRates;
  readonly #people = new Map<string, Person>();
  #sweepAt = FIRST_SWEEP;

  constructor(rates: CommentRates) {
    this.#rates = rates;
  }

  get size(): number {
    return this.#people.size;
  }

  /** @param exempt from slow mode */
  take(sub: string, exempt: boolean, nowMs: number): 'rate_limited' | 'slow_mode' | Undo {
    const person = this.#people.get(sub) ?? this.#add(sub, nowMs);
    if (!exempt && nowMs - person.wroteMs < this.slowSeconds * 1000) return 'slow_mode';
    if (!person.bucket.take(nowMs)) return 'rate_limited';
    const before = person.wroteMs;
    person.wroteMs = nowMs;
    // The burst stays taken: a filter is asked no more often than comments may come.
    return () => {
      if (person.wroteMs === nowMs) person.wroteMs = before;
    };
  }

  #add(sub: string, nowMs: number): Person {
    if (this.#people.size >= this.#sweepAt) this.#sweep(nowMs);
    const { perSecond, burst } = this.#rates;
    const person = { bucket: new RateLimit(perSecond, burst, nowMs), wroteMs: Number.NEGATIVE_INFINITY };
    this.#people.set(sub, person);
    return person;
  }

  /** Amortised: the next one comes when the number has doubled. */
  #sweep(nowMs: number): void {
    const idleMs = Math.max(this.slowSeconds, this.#rates.burst / this.#rates.perSecond) * 1000;
    for (const [sub, { wroteMs }] of this.#people) {
      if (nowMs - wroteMs >= idleMs) this.#people.delete(sub);
    }
    for (const sub of this.#people.keys()) {
      if (this.#people.size < MAX_PEOPLE) break;
      this.#people.delete(sub);
    }
    this.#sweepAt = Math.min(MAX_PEOPLE, Math.max(FIRST_SWEEP, 2 * this.#people.size));
  }
}
