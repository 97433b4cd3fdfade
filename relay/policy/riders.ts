import { ALL_SLOTS } from './livers.ts';
import { Patience } from './patience.ts';
import type { Tuning } from './tuning.ts';

/** Of a room, as far as its livers are unlike. */
export interface Distances {
  /** How many publish. */
  livers: number;
  /** Length of a voice packet. */
  frameMs: number;
  /** Mask of the livers whose units come so much earlier than those of the worst slot, ms. */
  earlier(ms: number): number;
}

/**
 * Where one liver is far there is no time to hold what comes of it, but what comes of the near ones has as much more as it is
 * earlier, and rides along: of one that speaks a datagram leaves each frame's length.
 */
export class Riders {
  readonly #tuning: Tuning;
  readonly #patience: Patience;
  #mask = 0;
  /** Those for whom it would have fitted all the while. */
  #soon = ALL_SLOTS;

  constructor(tuning: Tuning) {
    this.#tuning = tuning;
    this.#patience = new Patience(tuning.upHoldMs, tuning.maxUpHoldMs);
  }

  /** Mask of the livers whose units wait for those of the others. `spareMs`: of the worst slot; taken away at once, given slowly. */
  decide({ livers, frameMs, earlier }: Distances, spareMs: number, nowMs: number): number {
    const { downSlackMs, upSlackMs } = this.#tuning;
    if (livers < 2 || Number.isNaN(spareMs)) {
      this.#mask = 0;
      return 0;
    }
    const kept = this.#mask & earlier(frameMs - spareMs - downSlackMs);
    if (kept !== this.#mask) {
      this.#mask = kept;
      this.#patience.failed(nowMs);
    }
    const able = earlier(frameMs - spareMs - upSlackMs);
    const better = (able & ~this.#mask) !== 0;
    this.#soon = better ? this.#soon & able : ALL_SLOTS;
    if (this.#patience.ready(better, nowMs)) {
      this.#mask |= this.#soon;
      this.#soon = ALL_SLOTS;
    }
    return this.#mask;
  }
}
