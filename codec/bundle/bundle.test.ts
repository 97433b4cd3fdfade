import { describe, expect, it } from 'vitest';
import { readVectors, type VectorCase } from '../testing/vectors.ts';
import { fromHex, toHex } from '../vectors/make/hex.ts';
import {
  BUNDLE_REASONS,
  type Bundle,
  BundleError,
  type BundleReason,
  type BundleUnit,
  captureUs,
  elapsedUs,
  encodeBundle,
  forEachUnit,
  packBundles,
  parseBundle,
  type TimedUnit,
} from './index.ts';

interface BundleCase extends VectorCase {
  shortest?: boolean;
  bundle?: Omit<Bundle, 'units'> & { units: (Omit<BundleUnit, 'payload'> & { payload: string })[] };
}

const cases = readVectors<BundleCase>('bundle.json');
const good = cases.filter((each) => each.bundle !== undefined);
const bad = cases.filter((each) => each.error !== undefined);

function reasonOf(action: () => unknown): BundleReason | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof BundleError) return error.reason;
    throw error;
  }
}

describe('parseBundle', () => {
  it('reads bytes computed by hand from the protocol', () => {
    // alias 300, slots 1 and 2 (generations 5 and 255), base 0x3b9aca00, uncertainty 2 ms.
    const hex = '01 412c 06 05ff 00003b9aca00 20  4e 00000100 5f58 02 aabb  20 07 00 00';
    expect(parseBundle(fromHex(hex))).toEqual({
      alias: 300,
      slots: [
        { slot: 1, generation: 5 },
        { slot: 2, generation: 255 },
      ],
      baseUs: 1_000_000_000,
      uncertainty16: 32,
      units: [
        { slot: 2, kind: 1, key: true, full: true, sequence: 256, age16: 8024, payload: fromHex('aabb') },
        { slot: 1, kind: 0, key: false, full: false, sequence: 7, age16: 0, payload: fromHex('') },
      ],
    });
  });

  it.each(good)('$name', ({ hex, shortest, bundle }) => {
    const units = bundle!.units.map((unit) => ({ ...unit, payload: fromHex(unit.payload) }));
    expect(parseBundle(fromHex(hex))).toEqual({ ...bundle, units });
    if (shortest) expect(toHex(encodeBundle({ ...bundle!, units }))).toBe(hex);
  });

  it.each(bad)('refuses: $name', ({ hex, error }) => {
    expect(reasonOf(() => parseBundle(fromHex(hex)))).toBe(error);
  });

  it('has a vector for each reason but trailing', () => {
    const reasons = new Set(bad.map((each) => each.error));
    const all = BUNDLE_REASONS.filter((reason) => reason !== 'trailing');
    expect([...reasons].sort()).toEqual(all.sort());
  });

  it.each(good)('every truncation is a typed error or a shorter bundle: $name', ({ hex, bundle }) => {
    const data = fromHex(hex);
    for (let length = 0; length < data.length; length++) {
      const cut = data.subarray(0, length);
      const reason = reasonOf(() => parseBundle(cut));
      // A cut between two units leaves a whole bundle.
      if (reason === undefined) expect(parseBundle(cut).units.length).toBeLessThan(bundle!.units.length);
      else expect(['not_a_bundle', 'truncated', 'no_unit', 'empty_slot']).toContain(reason);
    }
  });

  it('payloads are views, not copies', () => {
    const data = fromHex(good[0]!.hex);
    expect(parseBundle(data).units[0]!.payload.buffer).toBe(data.buffer);
  });

  it('forEachUnit visits nothing of a malformed bundle', () => {
    const data = fromHex(cases.find((each) => each.name === 'second unit cut')!.hex);
    let visited = 0;
    expect(forEachUnit(data, () => visited++)).toBe('truncated');
    expect(visited).toBe(0);
  });
});

describe('encodeBundle', () => {
  const unit: BundleUnit = {
    slot: 0,
    kind: 0,
    key: true,
    full: true,
    sequence: 0,
    age16: 0,
    payload: new Uint8Array(3),
  };
  const bundle: Bundle = {
    alias: 0,
    slots: [{ slot: 0, generation: 0 }],
    baseUs: 0,
    uncertainty16: 0,
    units: [unit],
  };

  it.each<[BundleReason, Partial<Bundle>]>([
    ['no_unit', { units: [] }],
    ['slot_not_listed', { units: [{ ...unit, slot: 1 }] }],
    [
      'empty_slot',
      {
        slots: [
          { slot: 0, generation: 0 },
          { slot: 3, generation: 0 },
        ],
      },
    ],
    ['age_order', { units: [unit, { ...unit, sequence: 1, age16: 1 }] }],
    ['duplicate_identity', { units: [unit, unit] }],
    ['limit', { units: [{ ...unit, payload: new Uint8Array(901) }] }],
    ['limit', { units: [{ ...unit, age16: 16_384 }] }],
    ['limit', { units: [{ ...unit, age16: 0.5 }] }],
    ['limit', { units: [{ ...unit, sequence: 2 ** 32 }] }],
    ['limit', { alias: 2 ** 30 }],
    ['limit', { baseUs: 2 ** 48 }],
    ['limit', { uncertainty16: -1 }],
  ])('throws %s', (reason, fields) => {
    expect(reasonOf(() => encodeBundle({ ...bundle, ...fields }))).toBe(reason);
  });

  it('throws datagram_too_large over 1000 bytes', () => {
    const units = [0, 1].map((sequence) => ({ ...unit, sequence, payload: new Uint8Array(600) }));
    expect(() => encodeBundle({ ...bundle, units })).toThrow(expect.objectContaining({ code: 'datagram_too_large' }));
  });
});

describe('packBundles', () => {
  const timed = (slot: number, sequence: number, at: number, bytes: number): TimedUnit => ({
    slot,
    generation: slot,
    kind: 0,
    key: false,
    full: false,
    sequence,
    captureUs: at,
    payload: new Uint8Array(bytes),
  });

  it('puts what fits into one datagram, oldest first, with the newest as base', () => {
    const [data, ...rest] = packBundles([timed(1, 2, 9000, 5), timed(0, 1, 8000, 5)], { alias: 5, uncertainty16: 7 });
    expect(rest).toEqual([]);
    const bundle = parseBundle(data!);
    expect(bundle).toMatchObject({ alias: 5, uncertainty16: 7, baseUs: 9000 });
    expect(bundle.units.map((unit) => [unit.slot, unit.age16])).toEqual([
      [0, 16],
      [1, 0],
    ]);
  });

  it('splits by slot on overflow', () => {
    const units = [0, 1, 2].flatMap((slot) => [timed(slot, 0, 1000, 200), timed(slot, 1, 2000, 200)]);
    const bundles = packBundles(units).map(parseBundle);
    expect(bundles.map((bundle) => bundle.slots.map(({ slot }) => slot))).toEqual([[0, 1], [2]]);
  });

  it('splits one slot by unit, and each bundle stays within maxBytes', () => {
    const units = Array.from({ length: 5 }, (_, n) => timed(0, n, n * 1000, 300));
    const packed = packBundles(units, { maxBytes: 700 });
    expect(packed.map((data) => parseBundle(data).units.map((unit) => unit.sequence))).toEqual([[0, 1], [2, 3], [4]]);
    for (const data of packed) expect(data.length).toBeLessThanOrEqual(700);
  });

  it('never puts a repeat beside its original', () => {
    const unit = timed(0, 3, 1000, 10);
    expect(packBundles([unit, unit]).map((data) => parseBundle(data).units.length)).toEqual([1, 1]);
  });

  it('never makes an age over the limit', () => {
    expect(packBundles([timed(0, 1, 0, 1), timed(0, 2, 1_100_000, 1)])).toHaveLength(2);
  });

  it('wraps the base', () => {
    const bundle = parseBundle(packBundles([timed(0, 1, -1000, 1), timed(0, 2, 1000, 1)])[0]!);
    expect(bundle.baseUs).toBe(1000);
    expect(captureUs(bundle.baseUs, bundle.units[0]!.age16)).toBe(2 ** 48 - 1000);
    expect(elapsedUs(1000, 2 ** 48 - 1000)).toBe(2000);
  });

  it('cuts fractions of a clock off', () => {
    const bundle = parseBundle(packBundles([timed(0, 1, 1000.9, 1), timed(0, 2, 2000.1, 1)])[0]!);
    expect([bundle.baseUs, bundle.units[0]!.age16]).toEqual([2000, 16]);
  });

  it('throws datagram_too_large for a unit that fits nowhere, and gives nothing for nothing', () => {
    expect(() => packBundles([timed(0, 0, 0, 500)], { maxBytes: 400 })).toThrow(
      expect.objectContaining({ code: 'datagram_too_large' }),
    );
    expect(packBundles([])).toEqual([]);
  });
});
