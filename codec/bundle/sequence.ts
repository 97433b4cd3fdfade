import { MAX_EXTEND_GAP_US, SEQUENCE_WINDOW, signed48 } from './limits.ts';

/**
 * `new`: take the unit. `duplicate`: seen before. `late`: older than the window, so nobody knows whether it was seen.
 * `unsynced`: a short sequence that cannot be extended.
 */
export type SequenceVerdict = 'new' | 'duplicate' | 'late' | 'unsynced';

/** Extends the sequences of one (slot, generation, kind), tells repeats and counts losses. Fixed memory. */
export class SequenceExtender {
  /** Of the last unit offered, u32; means nothing after `unsynced`. */
  extended = 0;
  /** The last unit offered began a new count: what was known of earlier ones means nothing now. */
  began = false;
  received = 0;
  duplicate = 0;
  /** Sequences that left the window of 64 without having come. */
  lost = 0;

  #started = false;
  #last = 0;
  #lastCaptureUs = 0;
  // How many sequences after the first one count as expected; only whether it is over the window matters.
  #span = 0;
  readonly #seen = new Uint8Array(SEQUENCE_WINDOW);

  /** `sequence` is u32 when `full`, else its low 8 bits; `captureUs` is modulo 2^48 in the sender's clock. */
  offer(sequence: number, full: boolean, captureUs: number): SequenceVerdict {
    const gapUs = this.#started ? signed48(captureUs - this.#lastCaptureUs) : 0;
    let ahead: number;
    this.began = false;
    if (full) {
      this.extended = sequence;
      ahead = (sequence - this.#last) | 0;
      // A sender that began anew: behind in sequence, far ahead in time.
      if (!this.#started || (ahead <= 0 && gapUs > MAX_EXTEND_GAP_US)) return this.#restart(captureUs);
    } else {
      if (!this.#started || Math.abs(gapUs) > MAX_EXTEND_GAP_US) return 'unsynced';
      ahead = ((sequence - this.#last) << 24) >> 24;
      this.extended = (this.#last + ahead) >>> 0;
    }
    if (ahead > 0) {
      this.#advance(ahead);
      this.#lastCaptureUs = captureUs;
    } else if (ahead <= -SEQUENCE_WINDOW) {
      return 'late';
    } else if (this.#seen[this.extended % SEQUENCE_WINDOW] === 1) {
      this.duplicate++;
      return 'duplicate';
    }
    this.#seen[this.extended % SEQUENCE_WINDOW] = 1;
    this.received++;
    return 'new';
  }

  #restart(captureUs: number): SequenceVerdict {
    this.#started = true;
    this.began = true;
    this.#last = this.extended;
    this.#lastCaptureUs = captureUs;
    this.#span = 0;
    this.#seen.fill(0);
    this.#seen[this.extended % SEQUENCE_WINDOW] = 1;
    this.received++;
    return 'new';
  }

  #advance(by: number): void {
    const steps = Math.min(by, SEQUENCE_WINDOW);
    for (let step = 1; step <= steps; step++) {
      const place = (this.#last + step) % SEQUENCE_WINDOW;
      // What stood here is 64 back; before the first unit nothing was expected.
      if (this.#span + step > SEQUENCE_WINDOW && this.#seen[place] === 0) this.lost++;
      this.#seen[place] = 0;
    }
    this.lost += by - steps;
    this.#span = Math.min(this.#span + by, SEQUENCE_WINDOW);
    this.#last = this.extended;
  }
}
