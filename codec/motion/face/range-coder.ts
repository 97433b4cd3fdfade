/**
 * A range coder of 32 bits over frequencies that add up to 2^16. Bytes after the last are zeros, so a unit ends as soon as
 * zeros decode right: a third of a byte over the entropy, on average. No allocation after construction.
 */

const TOP = 2 ** 24;
const TOTAL_BITS = 16;
export const TOTAL = 1 << TOTAL_BITS;

export class RangeEncoder {
  #out: Uint8Array = new Uint8Array(0);
  #length = 0;
  /** Unsigned 32-bit numbers live in a typed array: as fields they would be boxed anew each time. */
  readonly #state = new Uint32Array(2);

  /** Writes into `out` from its start. */
  begin(out: Uint8Array): void {
    this.#out = out;
    this.#length = 0;
    this.#state[0] = 0;
    this.#state[1] = 0xffff_ffff;
  }

  /** A symbol of `frequency` in 1..TOTAL, with `below` the sum of those before it. */
  encode(below: number, frequency: number): void {
    const state = this.#state;
    let low = state[0]!;
    let range = state[1]!;
    const unit = range >>> TOTAL_BITS;
    const offset = Math.imul(unit, below) >>> 0;
    const sum = low + offset;
    low = sum >>> 0;
    if (sum > 0xffff_ffff) this.#carry();
    // The last symbol takes what the division left over.
    range = below + frequency === TOTAL ? range - offset : Math.imul(unit, frequency) >>> 0;
    while (range < TOP) {
      this.#out[this.#length++] = low >>> 24;
      low = (low << 8) >>> 0;
      range = (range << 8) >>> 0;
    }
    state[0] = low;
    state[1] = range;
  }

  /** Ends the unit with the fewest bytes that decode to it; returns their count. */
  finish(): number {
    const low = this.#state[0]!;
    const last = low + this.#state[1]! - 1;
    let kept = 0;
    let value = 0;
    // The value with the most zero bytes at its end that lies between low and last; kept = 4 always fits.
    for (; kept <= 4; kept++) {
      const unit = 2 ** (32 - 8 * kept);
      value = Math.ceil(low / unit) * unit;
      if (value <= last) break;
    }
    if (value > 0xffff_ffff) {
      this.#carry();
      value -= 2 ** 32;
    }
    for (let i = 0; i < kept; i++) this.#out[this.#length++] = Math.floor(value / 2 ** (24 - 8 * i)) & 255;
    while (this.#length > 0 && this.#out[this.#length - 1] === 0) this.#length--;
    return this.#length;
  }

  #carry(): void {
    let at = this.#length - 1;
    while (this.#out[at] === 255) this.#out[at--] = 0;
    this.#out[at]! += 1;
  }
}

export class RangeDecoder {
  #data: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Offset of the code in the range, the range, the range of one frequency. */
  readonly #state = new Uint32Array(3);

  begin(data: Uint8Array): void {
    this.#data = data;
    this.#at = 0;
    let code = 0;
    for (let i = 0; i < 4; i++) code = ((code << 8) | this.#byte()) >>> 0;
    this.#state[0] = code;
    this.#state[1] = 0xffff_ffff;
  }

  /** Where the next symbol lies, 0..TOTAL-1: the one with below <= target < below + frequency. */
  target(): number {
    const state = this.#state;
    const unit = state[1]! >>> TOTAL_BITS;
    state[2] = unit;
    const target = Math.floor(state[0]! / unit);
    return target < TOTAL ? target : TOTAL - 1;
  }

  /** Takes the symbol that `target()` chose. */
  take(below: number, frequency: number): void {
    const state = this.#state;
    const unit = state[2]!;
    const offset = Math.imul(unit, below) >>> 0;
    let code = state[0]! - offset;
    let range = below + frequency === TOTAL ? state[1]! - offset : Math.imul(unit, frequency) >>> 0;
    while (range < TOP) {
      code = ((code << 8) | this.#byte()) >>> 0;
      range = (range << 8) >>> 0;
    }
    state[0] = code;
    state[1] = range;
  }

  #byte(): number {
    return this.#at < this.#data.length ? this.#data[this.#at++]! : 0;
  }
}
