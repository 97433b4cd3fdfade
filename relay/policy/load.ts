import { Patience } from './patience.ts';

/** Totals of the media plane. They grow. */
export interface LoadCounts {
  /** CPU time of the thread that forwards, and time that it was ready to run and had no core. */
  cpuUs: number;
  waitedUs: number;
  /** Datagrams dropped because it did not get to them in time. */
  dropped: number;
}

/** 0: it is not busy. 1: it sends less often. 2: as seldom as it may. */
export type BusyLevel = 0 | 1 | 2;

/** Share of the time that it gets, above which the forwarding thread is busy, above which the first level is not enough, */
const BUSY = 0.75;
const SATURATED = 0.9;
/** and below which there is a level less, */
const FREE = 0.6;
/**
 * after so long, when the uplinks' lags of the last ten seconds hold nothing of it any more; doubled up to the greatest each
 * time that sending more made it busy again soon.
 */
const FREE_MS = 11_000;
const MAX_FREE_MS = 88_000;
/** What a level saves shows after so long: every viewer has been decided for. */
const SHOWS_MS = 3000;

/**
 * Whether the relay itself is the bottleneck. Then its own lateness looks like slow and lossy paths, and what those call
 * for (sending at once, repeating) is more work: without this it would stay overloaded for good.
 */
export class RelayLoad {
  #before: { counts: LoadCounts; ms: number } | undefined;
  #level: BusyLevel = 0;
  #raisedMs = 0;
  readonly #free = new Patience(FREE_MS, MAX_FREE_MS);

  get level(): BusyLevel {
    return this.#level;
  }

  update(counts: LoadCounts, nowMs: number): BusyLevel {
    const before = this.#before;
    if (before && nowMs <= before.ms) return this.#level;
    this.#before = { counts, ms: nowMs };
    if (!before) return this.#level;
    const ranMs = (counts.cpuUs - before.counts.cpuUs) / 1000;
    const waitedMs = (counts.waitedUs - before.counts.waitedUs) / 1000;
    // What neighbours on its core take is not there for it. But waiting alone makes nobody busy: a virtual machine is slow to
    // wake a core, and who has little to do gains nothing by doing less.
    const share = ranMs / Math.max(ranMs, nowMs - before.ms - waitedMs);
    const dropped = counts.dropped > before.counts.dropped;
    // A drop alone is none: what waited in a connection at rest may be late without any load, and a peer can make it wait.
    const busy = share > BUSY || (dropped && share > FREE);
    if (busy) this.#raise(share > SATURATED ? 2 : 1, nowMs);
    else if (this.#level > 0 && this.#free.ready(share <= FREE, nowMs)) this.#level = (this.#level - 1) as BusyLevel;
    return this.#level;
  }

  /** To that level; above the first one only where the first one has not helped. */
  #raise(least: BusyLevel, nowMs: number): void {
    const helpless = this.#level > 0 && nowMs - this.#raisedMs >= SHOWS_MS;
    const level = helpless ? 2 : this.#level > least ? this.#level : least;
    this.#free.failed(nowMs);
    if (level === this.#level) return;
    this.#level = level;
    this.#raisedMs = nowMs;
  }
}
