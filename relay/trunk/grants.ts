import type { Answer, Ask, Asker } from './types.ts';

/** Longer than anybody waits for an answer. */
const KEPT_MS = 10_000;
const MAX_KEPT = 512;

interface Grant {
  askers: Asker[];
  answer: Answer | undefined;
  atMs: number;
}

/**
 * Slots that are asked for twice, over an old way and a new one, are given once: a second one would take the first from
 * whoever has begun to publish on it.
 */
export class Grants {
  /** By the key of the ask, oldest first. */
  readonly #grants = new Map<number, Grant>();

  /** Undefined: to be served. An answer: it was. `wait`: it is being. */
  asked(asker: Asker, { ask, key }: Ask, nowMs: number): Answer | 'wait' | undefined {
    if (ask !== 'slot' || key === undefined) return undefined;
    const known = this.#grants.get(key);
    if (known) {
      if (known.answer) return known.answer;
      known.askers.push(asker);
      return 'wait';
    }
    for (const [old, { atMs }] of this.#grants) {
      if (nowMs - atMs < KEPT_MS && this.#grants.size < MAX_KEPT) break;
      this.#grants.delete(old);
    }
    this.#grants.set(key, { askers: [asker], answer: undefined, atMs: nowMs });
    return undefined;
  }

  /** Whom to answer: also those that asked for the same meanwhile. */
  served(asker: Asker, answer: Answer): readonly Asker[] {
    for (const grant of this.#grants.values()) {
      if (grant.answer || !grant.askers.some((each) => same(each, asker))) continue;
      grant.answer = answer;
      return grant.askers.splice(0);
    }
    return [asker];
  }
}

function same(a: Asker, b: Asker): boolean {
  if ('local' in a) return 'local' in b && a.local === b.local;
  return 'peer' in b && a.peer === b.peer && a.id === b.id;
}
