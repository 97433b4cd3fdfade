import { Patience } from './patience.ts';

/** Totals of the media plane. They grow. */
export interface LoadCounts {
  /** CPU time of the thread that forwards, and time that it was ready to run and had no core. */
  cpuUs: number;
  waitedUs: number;
  /** Datagrams dropped because it did not get to them in time. */
  dropped: number;
}

/** Share of the time that it gets, above which the forwarding thread is busy, and below which it is not, */
const BUSY = 0.75;
const FREE = 0.6;
/**
 * after so long, when the uplinks' lags of the last ten seconds hold nothing of it any more; doubled up to the greatest each
 * time that sending more made it busy again soon.
 */
const FREE_MS = 11_000;
const MAX_FREE_MS = 88_000;

/**
 * Whether the relay itself is the bottleneck. Then its own lateness looks like slow and lossy paths, and what those call
 * for (sending at once, repeating) is more work: without this it would stay overloaded for good.
 */
export class RelayLoad {
  #before: { counts: LoadCounts; ms: number } | undefined;
  #busy = false;
  readonly #free = new Patience(FREE_MS, MAX_FREE_MS);

  get busy(): boolean {
    return this.#busy;
  }

  update(counts: LoadCounts, nowMs: number): boolean {
    const before = this.#before;
    if (before && nowMs <= before.ms) return this.#busy;
    this.#before = { counts, ms: nowMs };
    if (!before) return this.#busy;
    const ranMs = (counts.cpuUs - before.counts.cpuUs) / 1000;
    const waitedMs = (counts.waitedUs - before.counts.waitedUs) / 1000;
    // What neighbours on its core take is not there for it. But waiting alone makes nobody busy: a virtual machine is slow to
    // wake a core, and who has little to do gains nothing by doing less.
    const share = ranMs / Math.max(ranMs, nowMs - before.ms - waitedMs);
    const dropped = counts.dropped > before.counts.dropped;
    // A drop alone is none: what waited in a connection at rest may be late without any load, and a peer can make it wait.
    const busy = share > BUSY || (dropped && share > FREE);
    if (busy && !this.#busy) this.#free.failed(nowMs);
    if (this.#free.ready(share <= FREE, nowMs)) this.#busy = false;
    if (busy) this.#busy = true;
    return this.#busy;
  }
}
