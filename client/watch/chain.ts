import type { DecodeResult, MotionDecoder, MotionFrame } from '@hayate/codec/motion';

/** Contexts kept for units that wait in the decoder; it keeps fewer. */
const MAX_CONTEXTS = 64;

/** Counters of what never became a frame. */
export interface ChainCounts {
  /** Older than a frame that was decoded already. */
  late: number;
  undecodable: number;
  malformed: number;
}

/**
 * One liver's motion units to frames in sequence order. A unit whose predecessor is missing waits in the decoder: reordered
 * by the network, or repaired, the predecessor may still come. The next key makes the wait pointless.
 */
export class MotionChain<T> {
  readonly #decoder: MotionDecoder;
  readonly #emit: (sequence: number, frame: MotionFrame, context: T) => void;
  readonly counts: ChainCounts = { late: 0, undecodable: 0, malformed: 0 };
  /** By sequence, of units that wait. */
  readonly #contexts = new Map<number, T>();

  constructor(decoder: MotionDecoder, emit: (sequence: number, frame: MotionFrame, context: T) => void) {
    this.#decoder = decoder;
    this.#emit = emit;
  }

  push(sequence: number, key: boolean, payload: Uint8Array, context: T): void {
    const wanted = sequence >>> 0;
    this.#take(this.#decoder.decode(wanted, key, payload), context);
    if (this.#contexts.size === 0) return;
    for (let result = this.#decoder.next(); result; result = this.#decoder.next()) {
      const waited = this.#contexts.get(result.sequence) ?? context;
      this.#contexts.delete(result.sequence);
      this.#take(result, waited);
    }
  }

  #take(result: DecodeResult, context: T): void {
    switch (result.kind) {
      case 'exact':
      case 'late_used':
        this.#forget(result.sequence);
        this.#emit(result.sequence, result.frame, context);
        break;
      case 'waiting_for_key':
        this.#contexts.set(result.sequence, context);
        if (this.#contexts.size > MAX_CONTEXTS) this.#forgetOne(this.#contexts.keys().next().value!);
        break;
      case 'stale':
        this.counts.late += 1;
        break;
      case 'malformed':
        this.counts.malformed += 1;
        break;
    }
  }

  /** What is older than a decoded frame waits for nothing any more. */
  #forget(sequence: number): void {
    for (const waiting of this.#contexts.keys()) {
      if (((waiting - sequence) | 0) <= 0) this.#forgetOne(waiting);
    }
  }

  #forgetOne(sequence: number): void {
    this.#contexts.delete(sequence);
    this.counts.undecodable += 1;
  }
}
