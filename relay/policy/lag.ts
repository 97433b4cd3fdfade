import type { Tuning } from './tuning.ts';

const REPORTS = 10;
const RANK = 4;

/**
 * Lag of one uplink from its reports of a second each. The 99th percentile of a second is its latest unit of about eighty,
 * which is above that of ten seconds in every other second: the fourth greatest of ten is about the 99th percentile of all.
 */
export class UplinkLag {
  readonly #recent: number[] = [];
  uncertaintyMs = 0;
  #p99Ms: number | undefined;

  /** `p99Ms`: capture to relay, of the units of the last second. */
  add(p99Ms: number, uncertaintyMs: number): void {
    this.#recent.push(p99Ms);
    if (this.#recent.length > REPORTS) this.#recent.shift();
    this.uncertaintyMs = uncertaintyMs;
    this.#p99Ms = [...this.#recent].sort((a, b) => b - a)[Math.min(RANK, this.#recent.length) - 1];
  }

  /** Undefined before the first report. */
  get p99Ms(): number | undefined {
    return this.#p99Ms;
  }
}

/**
 * One way to the viewer, as late as one packet in a hundred: half the mean round trip, and of what it is above the least
 * one (the jitter of both ways) the share that adds to a lag which is a 99th percentile already. An asymmetric path
 * cannot be seen from one end: half the least round trip is how wrong this can be.
 */
function downlinkMs(rttMs: number, minRttMs: number, tuning: Tuning): number {
  return rttMs / 2 + (tuning.jitterShare / 2) * Math.max(0, rttMs - minRttMs);
}

export interface SpareInput {
  budgetMs: number;
  /** p99, capture to relay. */
  uplinkMs: number;
  rttMs: number;
  minRttMs: number;
  /** Between a late unit's arrival and its presentation. */
  marginMs: number;
}

/** What is left of the budget for holding and repair, ms; below zero where the path alone is over it. */
export function spareMs(input: SpareInput, tuning: Tuning): number {
  const { budgetMs, uplinkMs, rttMs, minRttMs, marginMs } = input;
  return budgetMs - tuning.reserveMs - uplinkMs - downlinkMs(rttMs, minRttMs, tuning) - marginMs;
}
