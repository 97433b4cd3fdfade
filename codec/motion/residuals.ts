/**
 * The residual coder of simple-1: a stream of nibbles, high one of each byte first, for a list of integers most of which
 * are zero or small. docs/motion-codec.md has the table.
 */

const LONG_RUN = 0x6;
const SMALL = 0x6;
const SMALL_MAX = 7;
const MEDIUM = 0xe;
const MEDIUM_BASE = 8;
const LARGE = 0xf;
const LARGE_BASE = MEDIUM_BASE + 16;
const HUGE = 14;
const HUGE_BASE = LARGE_BASE + HUGE * 16;
/** The greatest code that the nibbles can say. */
export const MAX_CODE = HUGE_BASE + 2 ** 13 - 1;

/** Appends nibbles to a fixed scratch. */
export class NibbleWriter {
  readonly #out: Uint8Array;
  readonly #from: number;
  #count = 0;

  constructor(out: Uint8Array, from: number) {
    this.#out = out;
    this.#from = from;
  }

  /** Offset after the last byte; an odd last nibble is padded with 0. */
  get end(): number {
    return this.#from + ((this.#count + 1) >>> 1);
  }

  /** `count` zeros, at least one. */
  zeros(count: number): void {
    let rest = count;
    while (rest > 0) {
      const run = Math.min(rest, LONG_RUN + 16);
      if (run <= LONG_RUN) {
        this.#put(run - 1);
      } else {
        this.#put(LONG_RUN);
        this.#put(run - LONG_RUN - 1);
      }
      rest -= run;
    }
  }

  /** A code in 1..MAX_CODE. */
  code(code: number): void {
    if (code <= SMALL_MAX) {
      this.#put(SMALL + code);
    } else if (code < LARGE_BASE) {
      this.#put(MEDIUM);
      this.#put(code - MEDIUM_BASE);
    } else if (code < HUGE_BASE) {
      this.#put(LARGE);
      this.#put((code - LARGE_BASE) >>> 4);
      this.#put((code - LARGE_BASE) & 15);
    } else {
      const rest = code - HUGE_BASE;
      this.#put(LARGE);
      this.#put(HUGE + (rest >>> 12));
      this.#put((rest >>> 8) & 15);
      this.#put((rest >>> 4) & 15);
      this.#put(rest & 15);
    }
  }

  #put(nibble: number): void {
    const at = this.#from + (this.#count >>> 1);
    if ((this.#count & 1) === 0) this.#out[at] = nibble << 4;
    else this.#out[at]! |= nibble;
    this.#count++;
  }
}

/**
 * Reads codes into `out` (zeros where nothing was written). Returns why the bytes are malformed, or undefined. Time and
 * memory are bounded by the bytes and `out`.
 */
export function readCodes(data: Uint8Array, from: number, out: Int32Array): string | undefined {
  const end = data.length * 2;
  let at = from * 2;
  let channel = 0;
  out.fill(0);
  while (at < end) {
    const nibble = nibbleAt(data, at++);
    if (nibble <= LONG_RUN) {
      // An odd count of nibbles ends in a 0 that pads the byte.
      if (nibble === 0 && at === end) return undefined;
      if (nibble === LONG_RUN && at >= end) return 'truncated run';
      channel += nibble < LONG_RUN ? nibble + 1 : LONG_RUN + 1 + nibbleAt(data, at++);
      if (channel > out.length) return 'run past the last channel';
      continue;
    }
    if (channel >= out.length) return 'value past the last channel';
    let code: number;
    if (nibble < MEDIUM) {
      code = nibble - SMALL;
    } else if (nibble === MEDIUM) {
      if (at + 1 > end) return 'truncated value';
      code = MEDIUM_BASE + nibbleAt(data, at++);
    } else {
      if (at + 2 > end) return 'truncated value';
      const high = nibbleAt(data, at++);
      if (high < HUGE) {
        code = LARGE_BASE + high * 16 + nibbleAt(data, at++);
      } else {
        if (at + 3 > end) return 'truncated value';
        code = HUGE_BASE + (high - HUGE) * 4096;
        code += nibbleAt(data, at++) * 256;
        code += nibbleAt(data, at++) * 16;
        code += nibbleAt(data, at++);
      }
    }
    out[channel++] = code;
  }
  return undefined;
}

function nibbleAt(data: Uint8Array, at: number): number {
  const byte = data[at >>> 1]!;
  return (at & 1) === 0 ? byte >>> 4 : byte & 15;
}
