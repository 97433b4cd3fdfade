import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzz } from '../testing/fuzz.ts';
import { readVectors } from '../testing/vectors.ts';
import { fromHex } from '../vectors/make/hex.ts';
import {
  type Bundle,
  BundleError,
  type BundleUnit,
  encodeBundle,
  forEachUnit,
  MAX_SIXTEENTHS,
  packBundles,
  parseBundle,
  SlotForwarder,
  type TimedUnit,
  UnitReceiver,
  wrap48,
} from './index.ts';

const seeds = readVectors('bundle.json').map((each) => fromHex(each.hex));

const unit: fc.Arbitrary<BundleUnit> = fc.record({
  slot: fc.integer({ min: 0, max: 7 }),
  kind: fc.constantFrom(0, 1, 2),
  key: fc.boolean(),
  full: fc.boolean(),
  sequence: fc.integer({ min: 0, max: 0xffff_ffff }),
  age16: fc.integer({ min: 0, max: MAX_SIXTEENTHS }),
  payload: fc.uint8Array({ maxLength: 60 }),
});

const bundle: fc.Arbitrary<Bundle> = fc
  .record({
    alias: fc.integer({ min: 0, max: 2 ** 30 - 1 }),
    baseUs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    uncertainty16: fc.integer({ min: 0, max: MAX_SIXTEENTHS }),
    generation: fc.integer({ min: 0, max: 255 }),
    units: fc.uniqueArray(unit, {
      minLength: 1,
      maxLength: 12,
      selector: ({ slot, kind, sequence }) => `${slot} ${kind} ${sequence & 0xff}`,
    }),
  })
  .map(({ generation, units, ...rest }) => ({
    ...rest,
    units: units.sort((a, b) => b.age16 - a.age16),
    slots: [...new Set(units.map(({ slot }) => slot))]
      .sort()
      .map((slot) => ({ slot, generation: (generation + slot) & 0xff })),
  }));

/** Random bytes, vectors, and vectors with a few bytes changed: what gets far into a parser. */
const datagram: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 1100 }),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Uint8Array.of(1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, ...bytes)),
  fc
    .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(1100), fc.nat(255)), { maxLength: 4 }), fc.nat(1100))
    .map(([data, changes, cut]) => {
      const changed = data.slice(0, Math.max(1, cut));
      for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
      return changed;
    }),
);

describe('bundles under fuzz', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(bundle, (value) => {
        const units = value.units.map((each) => ({
          ...each,
          sequence: each.full ? each.sequence : each.sequence & 0xff,
        }));
        expect(parseBundle(encodeBundle(value))).toEqual({ ...value, units });
      }),
      fuzz(500),
    );
  });

  it('any bytes are a bundle that encodes again to its meaning, or a typed error', () => {
    fc.assert(
      fc.property(datagram, (data) => {
        let parsed: Bundle;
        try {
          parsed = parseBundle(data);
        } catch (error) {
          if (!(error instanceof BundleError)) throw error;
          expect(error.code).toBe('datagram_malformed');
          expect(forEachUnit(data, () => expect.unreachable())).toBe(error.reason);
          return;
        }
        const again = encodeBundle(parsed);
        expect(again.length).toBeLessThanOrEqual(data.length);
        expect(parseBundle(again)).toEqual(parsed);
      }),
      fuzz(5000),
    );
  });

  it('packing loses, repeats and overfills nothing', () => {
    const timed = fc.record({
      slot: fc.integer({ min: 0, max: 3 }),
      generation: fc.constant(1),
      kind: fc.constantFrom(0 as const, 1 as const),
      key: fc.boolean(),
      full: fc.constant(true),
      sequence: fc.integer({ min: 0, max: 600 }),
      captureUs: fc.integer({ min: 0, max: 3_000_000 }),
      payload: fc.uint8Array({ maxLength: 300 }),
    });
    const name = (each: { slot: number; kind: number; sequence: number }): string =>
      `${each.slot} ${each.kind} ${each.sequence}`;
    fc.assert(
      fc.property(fc.array(timed, { maxLength: 20 }), fc.integer({ min: 400, max: 1000 }), (units, maxBytes) => {
        const packed = packBundles(units, { maxBytes });
        for (const data of packed) expect(data.length).toBeLessThanOrEqual(maxBytes);
        const out = packed.flatMap((data) => parseBundle(data).units.map(name));
        expect(out.sort()).toEqual(units.map(name).sort());
      }),
      fuzz(300),
    );
  });
});

/** A datagram of one room, as a lossy and hostile network would bring it. */
const arrival = fc.record({
  slot: fc.integer({ min: 0, max: 2 }),
  generation: fc.constantFrom(0, 1, 2, 128, 255),
  kind: fc.constantFrom(0 as const, 1 as const, 2 as const),
  full: fc.boolean(),
  sequence: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 0xffff_ffff })),
  captureUs: fc.oneof(fc.integer({ min: 0, max: 3_000_000 }), fc.integer({ min: 0, max: 2 ** 48 - 1 })),
});

describe('UnitReceiver under operation sequences', () => {
  it('each unit is given or counted as dropped, exactly once', () => {
    const operation = fc.oneof(
      { weight: 8, arbitrary: arrival.map((value) => ({ op: 'unit' as const, value })) },
      { weight: 2, arbitrary: datagram.map((value) => ({ op: 'bytes' as const, value })) },
      { weight: 1, arbitrary: fc.tuple(fc.nat(9), fc.nat(255)).map((value) => ({ op: 'generation' as const, value })) },
    );
    const drops = (receiver: UnitReceiver): number =>
      Object.values(receiver.dropped()).reduce((sum, count) => sum + count, 0);
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 150 }), (operations) => {
        const receiver = new UnitReceiver(0);
        for (const each of operations) {
          if (each.op === 'generation') {
            receiver.setGeneration(...each.value);
          } else if (each.op === 'bytes') {
            for (const got of receiver.receive(each.value)) expect(got.captureUs).toBe(wrap48(got.captureUs));
          } else {
            const before = drops(receiver);
            const data = packBundles([{ ...each.value, key: false, payload: Uint8Array.of(1) }])[0]!;
            const got = receiver.receive(data);
            expect(got.length + drops(receiver) - before).toBe(1);
            if (got.length === 0) continue;
            expect(got[0]).toMatchObject({ slot: each.value.slot, generation: each.value.generation });
            // The same datagram again gives nothing.
            expect(receiver.receive(data)).toEqual([]);
          }
        }
      }),
      fuzz(300),
    );
  });

  it('in one stream with loss, repeats and reordering each unit comes once and the sum is right', () => {
    const step = fc.record({ drop: fc.boolean(), repeat: fc.boolean(), swap: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        (plan, first) => {
          const sent: TimedUnit[] = [];
          for (const [n, { drop, repeat }] of plan.entries()) {
            const one: TimedUnit = {
              slot: 0,
              generation: 0,
              kind: 1,
              key: true,
              full: n === 0,
              sequence: (first + n) >>> 0,
              captureUs: n * 5000,
              payload: new Uint8Array(0),
            };
            if (n === 0 || n === plan.length - 1 || !drop || n % 60 === 0) sent.push(one);
            if (repeat) sent.push(one);
          }
          for (const [n, { swap }] of plan.entries()) {
            if (swap && n > 0 && n + 1 < sent.length) [sent[n], sent[n + 1]] = [sent[n + 1]!, sent[n]!];
          }
          const receiver = new UnitReceiver(0);
          const got = sent.flatMap((one) => receiver.receive(packBundles([one])[0]!)).map((each) => each.sequence);
          expect(new Set(got).size).toBe(got.length);
          const unsent = new Set(sent.map((one) => one.sequence)).size;
          expect(got.length).toBe(unsent);
          const { received, lost } = receiver.counts(0, 1);
          expect(received).toBe(got.length);
          expect(lost).toBeLessThanOrEqual(plan.length - unsent);
        },
      ),
      fuzz(200),
    );
  });
});

describe('SlotForwarder under fuzz', () => {
  it('takes any bytes; what comes out is always a bundle of its slot, and the cache stays bounded', () => {
    const step = fc.record({
      data: fc.oneof(
        datagram,
        arrival.map((value) => packBundles([{ ...value, slot: 0, key: value.full, payload: new Uint8Array(500) }])[0]!),
      ),
      nowUs: fc.integer({ min: 0, max: 4_000_000 }),
      synced: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const forwarder = new SlotForwarder({ alias: 77, slot: 6, generation: 255 });
        for (const { data, nowUs, synced } of steps) {
          const clock = synced ? { offsetUs: 1234, uncertaintyUs: 10_000_000 } : undefined;
          const result = forwarder.forward(nowUs, clock, data);
          expect(result.refused === undefined || result.downlink === undefined).toBe(true);
          if (result.downlink === undefined) continue;
          const sent = parseBundle(result.downlink);
          expect(sent).toMatchObject({ alias: 77, slots: [{ slot: 6, generation: 255 }] });
          expect(sent.units.length).toBe(result.forwarded);
        }
        const cached = forwarder
          .joinBundles()
          .map(parseBundle)
          .flatMap((each) => each.units);
        expect(cached.length).toBeLessThanOrEqual(64);
        expect(cached.reduce((sum, each) => sum + each.payload.length, 0)).toBeLessThanOrEqual(8192);
        if (cached.length > 0) expect(cached[0]!.key).toBe(true);
      }),
      fuzz(300),
    );
  });
});
