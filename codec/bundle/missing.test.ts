import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readVectors, type VectorCase } from '../testing/vectors.ts';
import { BundleError } from './errors.ts';
import { MAX_ALIAS, type UnitKind } from './limits.ts';
import { encodeMissing, MAX_MISSING_ENTRIES, type Missing, parseMissing } from './missing.ts';

const entry = fc.record({
  slot: fc.integer({ min: 0, max: 7 }),
  kind: fc.constantFrom<UnitKind>(0, 1, 2),
  generation: fc.integer({ min: 0, max: 255 }),
  first: fc.integer({ min: 0, max: 0xffff_ffff }),
  more: fc.integer({ min: 0, max: 255 }),
});
const missing = fc.record({
  alias: fc.integer({ min: 0, max: MAX_ALIAS }),
  entries: fc.array(entry, { minLength: 1, maxLength: MAX_MISSING_ENTRIES }),
});

describe('missing', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(missing, (value) => {
        expect(parseMissing(encodeMissing(value))).toEqual(value);
      }),
    );
  });

  it('parses any bytes or says with a BundleError why not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 140 }), fc.boolean(), (bytes, typed) => {
        if (typed && bytes.length > 0) bytes[0] = 5;
        try {
          expect(parseMissing(bytes).entries.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(BundleError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses every truncation', () => {
    const whole = encodeMissing({ alias: 70_000, entries: [{ slot: 7, kind: 1, generation: 9, first: 1, more: 2 }] });
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => parseMissing(whole.subarray(0, length))).toThrow(BundleError);
    }
  });

  it('is not written without entries, with too many, or with an alias out of range', () => {
    const one = { slot: 0, kind: 0, generation: 0, first: 0, more: 0 } as const;
    const reason = (value: Missing) => {
      try {
        encodeMissing(value);
      } catch (error) {
        return (error as BundleError).reason;
      }
    };
    expect(reason({ alias: 1, entries: [] })).toBe('no_unit');
    expect(reason({ alias: 1, entries: new Array(17).fill(one) })).toBe('limit');
    expect(reason({ alias: MAX_ALIAS + 1, entries: [one] })).toBe('limit');
    expect(reason({ alias: 1, entries: [one] })).toBeUndefined();
  });
});

describe('vectors of missing', () => {
  const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
  it.each(readVectors<VectorCase & Partial<Missing>>('missing.json').map((each) => [each.name, each] as const))(
    '%s',
    (_name, each) => {
      const data = hex(each.hex);
      if (each.error !== undefined) {
        expect(() => parseMissing(data)).toThrow(`malformed datagram: ${each.error}`);
        return;
      }
      const value: Missing = { alias: each.alias!, entries: each.entries! };
      expect(parseMissing(data)).toEqual(value);
      expect(encodeMissing(value)).toEqual(data);
    },
  );
});
