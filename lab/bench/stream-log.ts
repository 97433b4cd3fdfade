import { type ReceivedUnit, UnitReceiver } from '@hayate/codec/bundle';

const COLUMNS = 4;

/** One arrived unit. */
export interface Arrival {
  slot: number;
  /** 0 motion, 1 voice. */
  kind: number;
  key: boolean;
  sequence: number;
  /** As stamped by the relay, us. */
  captureUs: number;
  arrivedUs: number;
}

/** Every unit that reached one viewer, once, in order of arrival. */
export class UnitLog {
  #rows = new Float64Array(COLUMNS * 4096);
  #count = 0;
  #receiver: UnitReceiver;
  #bundles = 0;
  #bytes = 0;
  #largest = 0;
  #kinds = [0, 0, 0];

  constructor(alias: number) {
    this.#receiver = new UnitReceiver(alias);
  }

  reset(): void {
    this.#count = 0;
    this.#bundles = 0;
    this.#bytes = 0;
    this.#largest = 0;
    this.#kinds = [0, 0, 0];
  }

  /** Takes a datagram; what is no bundle passes by. Gives its new units, which are logged when asked to. */
  add(data: Uint8Array, arrivedUs: number, keep: boolean): ReceivedUnit[] {
    if (data[0] !== 1) return [];
    this.#bundles += 1;
    this.#bytes += data.length;
    this.#largest = Math.max(this.#largest, data.length);
    const units = this.#receiver.receive(data);
    for (const unit of keep ? units : []) {
      this.#kinds[unit.kind]! += 1;
      let at = this.#count * COLUMNS;
      if (at === this.#rows.length) {
        const grown = new Float64Array(2 * this.#rows.length);
        grown.set(this.#rows);
        this.#rows = grown;
      }
      this.#rows[at++] = (unit.slot << 3) | (unit.kind << 1) | (unit.key ? 1 : 0);
      this.#rows[at++] = unit.sequence;
      this.#rows[at++] = unit.captureUs;
      this.#rows[at] = arrivedUs;
      this.#count += 1;
    }
    return units;
  }

  get counts(): { bundles: number; bytes: number; motion: number; voice: number } {
    return { bundles: this.#bundles, bytes: this.#bytes, motion: this.#kinds[0]!, voice: this.#kinds[1]! };
  }

  /** Bytes of the largest bundle. */
  get largest(): number {
    return this.#largest;
  }

  /** Since the receiver began, of all slots. */
  get duplicates(): number {
    return this.#receiver.dropped().duplicate ?? 0;
  }

  *arrivals(): Generator<Arrival> {
    for (let at = 0; at < this.#count * COLUMNS; at += COLUMNS) {
      const head = this.#rows[at]!;
      yield {
        slot: head >> 3,
        kind: (head >> 1) & 3,
        key: (head & 1) === 1,
        sequence: this.#rows[at + 1]!,
        captureUs: this.#rows[at + 2]!,
        arrivedUs: this.#rows[at + 3]!,
      };
    }
  }
}
