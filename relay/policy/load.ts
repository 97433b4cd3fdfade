/** Totals of the media plane. They grow. */
export interface LoadCounts {
  /** CPU time of the thread that forwards. */
  cpuUs: number;
  /** Datagrams dropped because it did not get to them in time. */
  dropped: number;
}

/** Share of its core above which the forwarding thread is busy, and below which it is not, after so long. */
const BUSY = 0.75;
const FREE = 0.6;
const FREE_MS = 5000;

/**
 * Whether the relay itself is the bottleneck. Then its own lateness looks like slow and lossy paths, and what those call
 * for (sending at once, repeating) is more work: without this it would stay overloaded for good.
 */
export class RelayLoad {
  #before: { counts: LoadCounts; ms: number } | undefined;
  #busy = false;
  #freeSinceMs: number | undefined;

  get busy(): boolean {
    return this.#busy;
  }

  update(counts: LoadCounts, nowMs: number): boolean {
    const before = this.#before;
    if (before && nowMs <= before.ms) return this.#busy;
    this.#before = { counts, ms: nowMs };
    if (!before) return this.#busy;
    const share = (counts.cpuUs - before.counts.cpuUs) / 1000 / (nowMs - before.ms);
    const dropped = counts.dropped > before.counts.dropped;
    // A drop alone is none: what waited in a connection at rest may be late without any load, and a peer can make it wait.
    if (share > BUSY || (dropped && share > FREE)) this.#busy = true;
    if (share > FREE) this.#freeSinceMs = undefined;
    else this.#freeSinceMs ??= nowMs;
    if (this.#freeSinceMs !== undefined && nowMs - this.#freeSinceMs >= FREE_MS) this.#busy = false;
    return this.#busy;
  }
}
