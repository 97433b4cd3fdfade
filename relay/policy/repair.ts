import type { RepairKind } from '@hayate/codec/messages';
import { Patience } from './patience.ts';
import type { Tuning } from './tuning.ts';

const ORDER: readonly RepairKind[] = ['none', 'repeat', 'since_key'];

/** Which repair a path's loss calls for. More at once; less only after a while without need, longer each time. */
export class RepairNeed {
  readonly #tuning: Tuning;
  readonly #patience: Patience;
  #kind: RepairKind = 'none';

  constructor(tuning: Tuning) {
    this.#tuning = tuning;
    this.#patience = new Patience(tuning.repairHoldMs, tuning.maxRepairHoldMs);
  }

  get kind(): RepairKind {
    return this.#kind;
  }

  /** `loss`: share of packets. */
  update(loss: number, bursty: boolean, nowMs: number): RepairKind {
    const { repairLoss, repairEndLoss, heavyLoss, heavyEndLoss } = this.#tuning;
    const now = ORDER.indexOf(this.#kind);
    const needed = loss >= heavyLoss || (bursty && loss >= repairLoss) ? 2 : loss >= repairLoss ? 1 : 0;
    if (needed > now) {
      this.#patience.failed(nowMs);
      this.#kind = ORDER[needed]!;
      return this.#kind;
    }
    const enough = loss < repairEndLoss ? 0 : loss < heavyEndLoss && !bursty ? 1 : 2;
    if (this.#patience.ready(enough < now, nowMs)) this.#kind = ORDER[now - 1]!;
    return this.#kind;
  }
}

/** One kind less, by so many steps. */
export function lessRepair(kind: RepairKind, steps: number): RepairKind {
  return ORDER[Math.max(0, ORDER.indexOf(kind) - steps)]!;
}

export function atMostRepair(kind: RepairKind, most: RepairKind): RepairKind {
  return ORDER[Math.min(ORDER.indexOf(kind), ORDER.indexOf(most))]!;
}
