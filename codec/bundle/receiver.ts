import { captureUs } from './bundle.ts';
import type { BundleReason } from './errors.ts';
import { MAX_SLOTS, sixteenthsToUs, type UnitKind } from './limits.ts';
import { BundleScanner } from './scan.ts';
import { SequenceExtender } from './sequence.ts';

/** A unit with its full identity. */
export interface ReceivedUnit {
  slot: number;
  generation: number;
  kind: UnitKind;
  key: boolean;
  /** Extended, u32. */
  sequence: number;
  /** us modulo 2^48 in the sender's clock: `ClockSync.toOwnUs` converts. */
  captureUs: number;
  /** Of `captureUs`, as the sender states it: add that of one's own clock sync. */
  uncertaintyUs: number;
  /** A view of the datagram: copy what must outlive it. */
  payload: Uint8Array;
}

/** Why something was dropped: whole datagrams by BundleReason or `other_alias`, units by the rest. */
export type DropReason = BundleReason | 'other_alias' | 'old_generation' | 'unsynced' | 'duplicate' | 'late';

export interface KindCounts {
  received: number;
  lost: number;
  duplicate: number;
}

interface SlotState {
  generation: number;
  kinds: [SequenceExtender, SequenceExtender, SequenceExtender];
}

/** One session's receiving end: takes datagrams of one room, gives each unit once. Memory is fixed: 8 slots, 3 kinds. */
export class UnitReceiver {
  readonly #alias: number;
  readonly #slots: (SlotState | undefined)[] = new Array(MAX_SLOTS).fill(undefined);
  readonly #dropped = new Map<DropReason, number>();
  readonly #scanner = new BundleScanner();

  /** `alias` of the room, from `welcome`. */
  constructor(alias: number) {
    this.#alias = alias;
  }

  /** The units of one bundle that were not seen before, oldest first. Never throws: what is wrong is counted. */
  receive(data: Uint8Array): ReceivedUnit[] {
    const scanner = this.#scanner;
    const reason = scanner.open(data);
    const units: ReceivedUnit[] = [];
    if (reason !== undefined) {
      this.#drop(reason);
      return units;
    }
    if (scanner.alias !== this.#alias) {
      this.#drop('other_alias');
      return units;
    }
    for (let slot = 0; slot < MAX_SLOTS; slot++) {
      if ((scanner.slots & (1 << slot)) !== 0) this.#takeGeneration(slot, scanner.generations[slot]!);
    }
    const uncertaintyUs = sixteenthsToUs(scanner.uncertainty16);
    while (scanner.next()) {
      const generation = scanner.generations[scanner.slot]!;
      const state = this.#slots[scanner.slot]!;
      if (state.generation !== generation) {
        this.#drop('old_generation');
        continue;
      }
      const captured = captureUs(scanner.baseUs, scanner.age16);
      const extender = state.kinds[scanner.kind]!;
      const verdict = extender.offer(scanner.sequence, scanner.full, captured);
      if (verdict !== 'new') {
        this.#drop(verdict);
        continue;
      }
      units.push({
        slot: scanner.slot,
        generation,
        kind: scanner.kind as UnitKind,
        key: scanner.key,
        sequence: extender.extended,
        captureUs: captured,
        uncertaintyUs,
        payload: scanner.payload(),
      });
    }
    return units;
  }

  /** What the control stream says of a slot (`liver`): units of older generations are dropped from now on. */
  setGeneration(slot: number, generation: number): void {
    if (slot >= 0 && slot < MAX_SLOTS) this.#takeGeneration(slot, generation);
  }

  /** Counters of a slot's present generation, by kind; zeros for a slot never heard. */
  counts(slot: number, kind: UnitKind): KindCounts {
    const extender = this.#slots[slot]?.kinds[kind];
    return {
      received: extender?.received ?? 0,
      lost: extender?.lost ?? 0,
      duplicate: extender?.duplicate ?? 0,
    };
  }

  /** Drops since the beginning, by reason. */
  dropped(): Partial<Record<DropReason, number>> {
    return Object.fromEntries(this.#dropped);
  }

  #takeGeneration(slot: number, generation: number): void {
    const state = this.#slots[slot];
    if (state !== undefined && ((generation - state.generation) << 24) >> 24 <= 0) return;
    this.#slots[slot] = {
      generation,
      kinds: [new SequenceExtender(), new SequenceExtender(), new SequenceExtender()],
    };
  }

  #drop(reason: DropReason): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
  }
}
