import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzz } from '../../testing/fuzz.ts';
import { RangeDecoder, RangeEncoder, TOTAL } from './range-coder.ts';

type Symbol = readonly [below: number, frequency: number];

/** The same interval in numbers of any length: no carry, no bytes. */
class Interval {
  low = 0n;
  range = 0xffff_ffffn;
  /** Bits behind the first 32. */
  bits = 0;

  take([below, frequency]: Symbol): void {
    const unit = this.range >> 16n;
    const offset = unit * BigInt(below);
    this.low += offset;
    this.range = below + frequency === TOTAL ? this.range - offset : unit * BigInt(frequency);
    while (this.range < 2n ** 24n) {
      this.low <<= 8n;
      this.range <<= 8n;
      this.bits += 8;
    }
  }

  /** The number that `bytes`, and zeros after them, spell. */
  holds(bytes: Uint8Array): boolean {
    const value = numberOf(bytes) << BigInt(32 + this.bits - 8 * bytes.length);
    return value >= this.low && value < this.low + this.range;
  }

  /** Whether some `count` bytes spell a number inside. */
  hasSpelling(count: number): boolean {
    const bits = 32 + this.bits - 8 * count;
    if (bits < 0) return true;
    const unit = 1n << BigInt(bits);
    return ((this.low + unit - 1n) / unit) * unit < this.low + this.range;
  }
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function encode(symbols: readonly Symbol[]): Uint8Array {
  const encoder = new RangeEncoder();
  const out = new Uint8Array(2 * symbols.length + 8).fill(0xaa);
  encoder.begin(out);
  for (const [below, frequency] of symbols) encoder.encode(below, frequency);
  return out.slice(0, encoder.finish());
}

/** Encodes, compares with the interval in long numbers, decodes. */
function check(symbols: readonly Symbol[]): Uint8Array {
  const data = encode(symbols);
  const interval = new Interval();
  for (const symbol of symbols) interval.take(symbol);
  expect(interval.holds(data)).toBe(true);
  expect(data.at(-1)).not.toBe(0);
  if (data.length > 0) expect(interval.hasSpelling(data.length - 1)).toBe(false);
  const decoder = new RangeDecoder();
  decoder.begin(data);
  for (const [below, frequency] of symbols) {
    const target = decoder.target();
    expect(target).toBeGreaterThanOrEqual(below);
    expect(target).toBeLessThan(below + frequency);
    decoder.take(below, frequency);
  }
  return data;
}

const symbol = fc.oneof(
  fc
    .tuple(fc.nat(TOTAL - 1), fc.nat(TOTAL))
    .map(([below, frequency]): Symbol => [below, 1 + (frequency % (TOTAL - below))]),
  fc.constantFrom<Symbol>([0, 1], [TOTAL - 1, 1], [0, TOTAL], [1, TOTAL - 1], [0, TOTAL - 1], [TOTAL / 2, 1]),
);

describe('range coder', () => {
  it('gives back any symbols, in the fewest bytes that spell them', () => {
    fc.assert(
      fc.property(fc.array(symbol, { maxLength: 120 }), (symbols) => {
        check(symbols);
      }),
      fuzz(1000),
    );
  });

  it('no symbol, and symbols that are certain, take no byte', () => {
    expect(check([])).toHaveLength(0);
    expect(check([[0, TOTAL]])).toHaveLength(0);
    expect(check(Array.from({ length: 50 }, () => [0, TOTAL] as const))).toHaveLength(0);
  });

  it('least and greatest symbols only', () => {
    for (const each of [
      [0, 1],
      [TOTAL - 1, 1],
    ] as const) {
      for (let count = 1; count < 100; count++) check(Array.from({ length: count }, () => each));
    }
  });

  /** Symbols whose interval has `boundary` inside, however narrow it gets: the bytes stay open between 7f ff ff and 80. */
  function around(boundary: bigint, bits: number, count: number): { symbols: Symbol[]; interval: Interval } {
    const interval = new Interval();
    const symbols: Symbol[] = [];
    for (let n = 0; n < count; n++) {
      const at = boundary << BigInt(32 + interval.bits - bits);
      const target = Number((at - interval.low) / (interval.range >> 16n));
      const below = Math.min(Math.max(target - 1, 0), TOTAL - 4);
      const symbol: Symbol = [below, 3];
      symbols.push(symbol);
      interval.take(symbol);
      expect(interval.low < boundary << BigInt(32 + interval.bits - bits)).toBe(true);
    }
    return { symbols, interval };
  }

  it.each([
    ['80', 0x80n, 8],
    ['01', 0x01n, 8],
    ['ff', 0xffn, 8],
    ['12 34 56', 0x123456n, 24],
    ['00 00 01', 0x000001n, 24],
    ['fe ff ff', 0xfeffffn, 24],
  ])('a carry runs through many bytes, up to %s', (text, boundary, bits) => {
    const { symbols, interval } = around(boundary, bits, 40);
    // Undecided until the end: the end chooses the boundary itself, which is the shortest.
    const spelled = check(symbols);
    expect(Buffer.from(spelled).toString('hex')).toBe(text.replaceAll(' ', ''));
    const unit = interval.range >> 16n;
    const middle = Number(((boundary << BigInt(32 + interval.bits - bits)) - interval.low) / unit);
    const after = check([...symbols, [middle + 1, 1]]);
    expect(Buffer.from(after).toString('hex').startsWith(text.replaceAll(' ', ''))).toBe(true);
    expect(after.length).toBeGreaterThan(spelled.length + 40);
    const before = check([...symbols, [middle - 1, 1]]);
    expect(numberOf(before.subarray(0, bits / 8))).toBe(boundary - 1n);
    expect(before.subarray(bits / 8, 40).every((byte) => byte === 255)).toBe(true);
  });

  it('a unit of the greatest size has room', () => {
    // 94 symbols of the least frequency; those in the middle lose most to the division.
    for (const below of [0, TOTAL / 2, TOTAL - 2, TOTAL - 1]) {
      expect(check(Array.from({ length: 94 }, () => [below, 1] as const)).length).toBeLessThanOrEqual(192);
    }
  });
});
