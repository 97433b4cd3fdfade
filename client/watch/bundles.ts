import { MAX_SLOTS, type ReceivedUnit, UNIT_KIND } from '@hayate/codec/bundle';
import type { BundleCounts } from '../src/types.ts';

export const NO_BUNDLES: Readonly<BundleCounts> = { datagrams: 0, bytes: 0, units: 0, voiceUnits: 0, heldMs: 0 };

const KINDS = 4;

/** What came together, and how long the older of it waited for the newer. No allocation a datagram. */
export class Bundles {
  readonly counts: BundleCounts = { ...NO_BUNDLES };
  /** By slot and kind: generation and sequence of the newest unit so far, and its capture time in the datagram at hand. */
  readonly #generation = new Int16Array(MAX_SLOTS * KINDS).fill(-1);
  readonly #newest = new Uint32Array(MAX_SLOTS * KINDS);
  readonly #captureUs = new Float64Array(MAX_SLOTS * KINDS);
  /** Of which a datagram has come before this one. */
  readonly #begun = new Set<number>();
  readonly #fresh: ReceivedUnit[] = [];

  /** The new units of one datagram. What is behind the newest so far is a repair or came out of order, and is not counted. */
  arrived(bytes: number, units: readonly ReceivedUnit[]): void {
    const { counts } = this;
    counts.datagrams += 1;
    counts.bytes += bytes;
    const fresh = this.#fresh;
    fresh.length = 0;
    for (const unit of units) {
      const at = unit.slot * KINDS + unit.kind;
      const known = this.#generation[at] === unit.generation;
      if (known && ((unit.sequence - this.#newest[at]!) | 0) <= 0) continue;
      this.#generation[at] = unit.generation;
      this.#newest[at] = unit.sequence;
      this.#captureUs[at] = unit.captureUs;
      // What a joiner is given of before has waited for nobody.
      if (this.#begun.has(at)) fresh.push(unit);
    }
    for (const { slot, kind } of units) this.#begun.add(slot * KINDS + kind);
    for (const { slot, kind, captureUs } of fresh) {
      counts.units += 1;
      if (kind === UNIT_KIND.voice) counts.voiceUnits += 1;
      counts.heldMs += Math.max(0, this.#captureUs[slot * KINDS + kind]! - captureUs) / 1000;
    }
    fresh.length = 0;
  }
}
