import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readVectors, type VectorCase } from '../testing/vectors.ts';
import { BundleError } from './errors.ts';
import { encodeTrunk, MAX_TRUNK_BYTES, parseTrunk } from './trunk.ts';

const bundles = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 5 })
  .filter((list) => list.reduce((sum, each) => sum + 2 + each.length, 1) <= MAX_TRUNK_BYTES);

describe('trunk', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(bundles, (list) => {
        expect(parseTrunk(encodeTrunk(list))).toEqual(list);
      }),
    );
  });

  it('parses any bytes or says with a BundleError why not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, typed) => {
        if (typed && bytes.length > 0) bytes[0] = 6;
        try {
          expect(parseTrunk(bytes).length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(BundleError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses every truncation but those between two bundles', () => {
    const whole = encodeTrunk([new Uint8Array(3), new Uint8Array(70)]);
    for (let length = 0; length < whole.length; length += 1) {
      if (length === 5) expect(parseTrunk(whole.subarray(0, length))).toHaveLength(1);
      else expect(() => parseTrunk(whole.subarray(0, length))).toThrow(BundleError);
    }
  });

  it('is not written without bundles, with an empty one, or too long', () => {
    const reason = (list: Uint8Array[]) => {
      try {
        encodeTrunk(list);
      } catch (error) {
        return (error as BundleError).reason;
      }
    };
    expect(reason([])).toBe('no_unit');
    expect(reason([new Uint8Array(0)])).toBe('limit');
    expect(reason([new Uint8Array(1001)])).toBe('limit');
    expect(reason([new Uint8Array(1000), new Uint8Array(196)])).toBe('limit');
    expect(reason([new Uint8Array(1000), new Uint8Array(195)])).toBeUndefined();
  });
});

describe('vectors of trunk', () => {
  const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
  type Case = VectorCase & { bundles?: string[]; shortest?: boolean };
  it.each(readVectors<Case>('trunk.json').map((each) => [each.name, each] as const))('%s', (_name, each) => {
    const data = hex(each.hex);
    if (each.error !== undefined) {
      expect(() => parseTrunk(data)).toThrow(`malformed datagram: ${each.error}`);
      return;
    }
    const list = each.bundles!.map(hex);
    expect(parseTrunk(data)).toEqual(list);
    if (each.shortest) expect(encodeTrunk(list)).toEqual(data);
  });
});
