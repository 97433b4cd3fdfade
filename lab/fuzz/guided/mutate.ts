/** Where lengths and signs turn. */
const INTERESTING = [0, 1, 2, 16, 31, 32, 63, 64, 100, 127, 128, 191, 192, 254, 255];
const WIDE = [0x100, 0x3e8, 0x3fff, 0x4000, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x3fff_ffff, 0x7fff_ffff, 0xffff_ffff];
const NEWEST = 4;
/** Changes on top of each other. */
const MOST_CHANGES = 5;

/** Changes inputs blindly. All choices come from `random`, 0 <= x < 1. */
export class Mutator {
  readonly #random: () => number;
  readonly #maxBytes: number;
  readonly #words: readonly Uint8Array[];

  constructor(options: { random: () => number; maxBytes: number; words: readonly Uint8Array[] }) {
    this.#random = options.random;
    this.#maxBytes = options.maxBytes;
    this.#words = options.words;
  }

  /** A changed copy of one of these inputs: of the newest, half of the time, since they lead where nobody was. */
  next(corpus: readonly Uint8Array[]): Uint8Array {
    let data = this.#pick(this.#below(2) === 0 ? corpus.slice(-NEWEST) : corpus);
    for (let n = 1 + this.#below(MOST_CHANGES); n > 0; n--) data = this.#change(data, corpus);
    return data.length > this.#maxBytes ? data.subarray(0, this.#maxBytes) : data;
  }

  #change(data: Uint8Array, corpus: readonly Uint8Array[]): Uint8Array {
    const at = this.#below(data.length + 1);
    switch (this.#below(11)) {
      case 0:
        return this.#set(data, at, 1, (old) => old ^ (1 << this.#below(8)));
      case 1:
        return this.#set(data, at, 1, () => this.#below(256));
      case 2:
        return this.#set(data, at, 1, () => this.#pick(INTERESTING));
      case 3:
        return this.#set(data, at, 1, (old) => old + this.#below(33) - 16);
      case 4: {
        const value = this.#pick(WIDE);
        const bytes = [1, 2, 4][this.#below(3)]!;
        return this.#set(data, at, bytes, (_, n) => value >>> (8 * (bytes - 1 - n)));
      }
      case 5:
        return spliced(data, at, at, this.#bytes(1 + this.#below(8)));
      case 6:
        return spliced(data, at, at + 1 + this.#below(8), EMPTY);
      case 7:
        return data.slice(0, at);
      case 8: {
        const other = this.#pick(corpus);
        return spliced(data, at, data.length, other.subarray(this.#below(other.length + 1)));
      }
      case 9: {
        // A part again, elsewhere.
        const from = this.#below(data.length + 1);
        return spliced(data, at, at, data.slice(from, from + 1 + this.#below(32)));
      }
      default: {
        if (this.#words.length === 0) return this.#set(data, at, 1, () => this.#below(256));
        const word = this.#pick(this.#words);
        return spliced(data, at, this.#below(2) === 0 ? at : at + word.length, word);
      }
    }
  }

  #set(data: Uint8Array, at: number, count: number, value: (old: number, n: number) => number): Uint8Array {
    const out = data.slice();
    for (let n = 0; n < count && at + n < out.length; n++) out[at + n] = value(out[at + n]!, n);
    return out;
  }

  #bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#below(256));
  }

  #pick<T>(of: readonly T[]): T {
    return of[this.#below(of.length)]!;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }
}

const EMPTY = new Uint8Array(0);

function spliced(data: Uint8Array, from: number, to: number, middle: Uint8Array): Uint8Array {
  const tail = data.subarray(Math.min(to, data.length));
  const out = new Uint8Array(from + middle.length + tail.length);
  out.set(data.subarray(0, from));
  out.set(middle, from);
  out.set(tail, from + middle.length);
  return out;
}
