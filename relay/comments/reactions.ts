/** In one message. */
const KINDS = 16;
/** Counted between two messages; others are left out. */
const MAX_COUNTED = 64;

/** Reactions of a room since the last message. */
export class ReactionCounts {
  readonly #counts = new Map<string, number>();

  add(kind: string, times = 1): void {
    const count = this.#counts.get(kind);
    if (count === undefined && this.#counts.size >= MAX_COUNTED) return;
    this.#counts.set(kind, (count ?? 0) + times);
  }

  /** The most frequent kinds, and begins anew; undefined when there were none. */
  take(): Record<string, number> | undefined {
    if (this.#counts.size === 0) return undefined;
    const sorted = [...this.#counts].sort(([, a], [, b]) => b - a);
    this.#counts.clear();
    return Object.fromEntries(sorted.slice(0, KINDS));
  }
}
