import type { RelayConfig } from '../config/schema.ts';
import { RateLimit } from '../reliable/rate.ts';
import { addressKey } from './address.ts';

/** About 200 bytes each. */
const MAX_ADDRESSES = 65_536;

interface JoinLimitsOptions {
  /** Sessions that one address may open a second, in the long run. 0: no limit. */
  perSecond: number;
  /** Sessions that it may open at once. */
  burst: number;
  /** Sessions of one `sub` at once, over all rooms. 0: no limit. */
  perSubject: number;
}

/** Of the configuration; a developer's machine is one address with one token. */
export function joinLimits({ dev, joins }: Pick<RelayConfig, 'dev' | 'joins'>): JoinLimitsOptions {
  const { perSecond = dev ? 0 : 20, burst, perSubject = dev ? 0 : 10 } = joins;
  return { perSecond, burst, perSubject };
}

/**
 * How often an address may come, and how many sessions a person may have. Time is an argument. Memory is bounded: an address
 * whose bucket is full again is forgotten, and of more than 65 536 the one that came longest ago.
 */
export class JoinLimits {
  readonly #options: JoinLimitsOptions;
  /** In the order of their last coming. */
  readonly #addresses = new Map<string, { bucket: RateLimit; atMs: number }>();
  readonly #subjects = new Map<string, number>();

  constructor(options: JoinLimitsOptions) {
    this.#options = options;
  }

  /** Whether a session of this address may go on. Undefined, an address nobody knows: it may. */
  connect(remote: string | undefined, nowMs: number): boolean {
    const { perSecond, burst } = this.#options;
    if (perSecond === 0 || remote === undefined) return true;
    const key = addressKey(remote);
    const known = this.#addresses.get(key);
    const bucket = known?.bucket ?? new RateLimit(perSecond, burst, nowMs);
    this.#addresses.delete(key);
    this.#addresses.set(key, { bucket, atMs: nowMs });
    this.#forget(nowMs);
    return bucket.take(nowMs);
  }

  /** Whether this person may have one more session; `leave` when it ends. */
  enter(sub: string): boolean {
    const { perSubject } = this.#options;
    const count = this.#subjects.get(sub) ?? 0;
    if (perSubject !== 0 && count >= perSubject) return false;
    this.#subjects.set(sub, count + 1);
    return true;
  }

  /** After an `enter` that was granted. */
  leave(sub: string): void {
    const left = (this.#subjects.get(sub) ?? 0) - 1;
    if (left > 0) this.#subjects.set(sub, left);
    else this.#subjects.delete(sub);
  }

  /** What is remembered. */
  stats(): { addresses: number; subjects: number } {
    return { addresses: this.#addresses.size, subjects: this.#subjects.size };
  }

  /** Two at each coming: more go than come. */
  #forget(nowMs: number): void {
    const fullMs = (this.#options.burst / this.#options.perSecond) * 1000;
    let looked = 0;
    for (const [key, { atMs }] of this.#addresses) {
      if (looked++ === 2 || (this.#addresses.size <= MAX_ADDRESSES && nowMs - atMs < fullMs)) return;
      this.#addresses.delete(key);
    }
  }
}
