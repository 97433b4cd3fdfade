import { UNIT_KIND, type UnitReceiver } from '@hayate/codec/bundle';
import type { UnitCounts, WatchedFrame } from '../src/types.ts';
import type { ChainCounts } from './chain.ts';
import { LagHistogram } from './histogram.ts';

/** Lag, jitter and lateness of one kind of units of one slot and generation. */
export class KindStats {
  readonly #histogram = new LagHistogram();
  #received = 0;
  #late = 0;
  #oldest: number | undefined;
  #newest = 0;
  #lastLagMs: number | undefined;
  #jitterMs = 0;
  #uncertaintyMs = Number.POSITIVE_INFINITY;

  record(sequence: number, timing: Pick<WatchedFrame, 'lagMs' | 'uncertaintyMs' | 'backlog'>): void {
    if (!timing.backlog) this.#time(timing.lagMs);
    this.#uncertaintyMs = timing.uncertaintyMs;
    this.#received += 1;
    if (this.#oldest === undefined) {
      this.#oldest = this.#newest = sequence;
    } else if (((sequence - this.#newest) | 0) > 0) {
      this.#newest = sequence;
    } else {
      this.#late += 1;
      if (((sequence - this.#oldest) | 0) < 0) this.#oldest = sequence;
    }
  }

  #time(lagMs: number): void {
    this.#histogram.record(lagMs);
    if (this.#lastLagMs !== undefined) this.#jitterMs += (Math.abs(lagMs - this.#lastLagMs) - this.#jitterMs) / 16;
    this.#lastLagMs = lagMs;
  }

  counts(receiver: UnitReceiver, slot: number, kind: keyof typeof UNIT_KIND, chain?: ChainCounts): UnitCounts {
    const expected = this.#oldest === undefined ? 0 : ((this.#newest - this.#oldest) >>> 0) + 1;
    return {
      received: this.#received,
      lost: expected - this.#received,
      duplicate: receiver.counts(slot, UNIT_KIND[kind]).duplicate,
      late: this.#late,
      undecodable: chain ? chain.undecodable + chain.malformed : 0,
      lagMs: {
        p50: this.#histogram.percentile(0.5),
        p95: this.#histogram.percentile(0.95),
        p99: this.#histogram.percentile(0.99),
      },
      uncertaintyMs: this.#uncertaintyMs,
      jitterMs: this.#jitterMs,
    };
  }
}
