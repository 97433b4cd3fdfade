import type { MotionDecoder, MotionFrame } from '@hayate/codec/motion';

/** Units that wait for a missing predecessor; at 60 fps half a second. */
const MAX_WAITING = 32;

interface Waiting<T> {
  sequence: number;
  payload: Uint8Array;
  context: T;
}

/** Counters of what never became a frame. */
export interface ChainCounts {
  /** Older than a frame that was decoded already. */
  late: number;
  undecodable: number;
  malformed: number;
}

/**
 * Decodes one liver's motion units in sequence order. A unit whose predecessor is missing waits: reordered by the
 * network, or repaired, the predecessor may still come. The next key makes the wait pointless.
 */
export class MotionChain<T> {
  readonly #decoder: MotionDecoder;
  readonly #emit: (sequence: number, frame: MotionFrame, context: T) => void;
  readonly counts: ChainCounts = { late: 0, undecodable: 0, malformed: 0 };
  /** In sequence order. */
  #waiting: Waiting<T>[] = [];
  #newest: number | undefined;

  constructor(decoder: MotionDecoder, emit: (sequence: number, frame: MotionFrame, context: T) => void) {
    this.#decoder = decoder;
    this.#emit = emit;
  }

  /** `payload` is copied when it must wait. */
  push(sequence: number, key: boolean, payload: Uint8Array, context: T): void {
    if (this.#newest !== undefined && ((sequence - this.#newest) | 0) <= 0) {
      this.counts.late += 1;
      return;
    }
    const kind = this.#decode(sequence, key, payload, context);
    if (kind === 'waiting_for_key') this.#wait({ sequence, payload: payload.slice(), context });
    else if (kind === 'exact' && this.#waiting.length > 0) this.#resume();
  }

  #decode(sequence: number, key: boolean, payload: Uint8Array, context: T): 'exact' | 'waiting_for_key' | 'malformed' {
    const result = this.#decoder.decode(sequence, key, payload);
    if (result.kind === 'exact') {
      this.#newest = sequence;
      this.#emit(sequence, result.frame, context);
    } else if (result.kind === 'malformed') {
      this.counts.malformed += 1;
    }
    return result.kind;
  }

  #wait(unit: Waiting<T>): void {
    let at = this.#waiting.length;
    while (at > 0 && ((this.#waiting[at - 1]!.sequence - unit.sequence) | 0) > 0) at -= 1;
    this.#waiting.splice(at, 0, unit);
    if (this.#waiting.length <= MAX_WAITING) return;
    this.#waiting.shift();
    this.counts.undecodable += 1;
  }

  /** What waited for the unit just decoded; what is older than it waits for nothing any more. */
  #resume(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const unit of waiting) {
      if (((unit.sequence - this.#newest!) | 0) <= 0) this.counts.undecodable += 1;
      else if (this.#decode(unit.sequence, false, unit.payload, unit.context) === 'waiting_for_key') {
        this.#waiting.push(unit);
      }
    }
  }
}
