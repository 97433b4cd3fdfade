import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzz } from '../testing/fuzz.ts';
import { readVectors } from '../testing/vectors.ts';
import { fromHex, toHex } from '../vectors/make/hex.ts';
import { steps } from '../vectors/make/motion.ts';
import {
  ARKIT_CHANNELS,
  createMotionDecoder,
  createMotionEncoder,
  type MotionFrame,
  parseLiveLinkCsv,
  simpleConfig,
} from './index.ts';
import { MAX_CODE, NibbleWriter, readCodes } from './residuals.ts';

interface ChainCase {
  name: string;
  fps: number;
  extras: string[];
  keyInterval: number;
  poses: (Record<string, number> | null)[];
  units: { key: boolean; hex: string; face: boolean; steps: Record<string, number> }[];
}
interface BadCase {
  name: string;
  key: boolean;
  hex: string;
  error: string;
}

const cases = readVectors<ChainCase | BadCase>('motion.json');
const chains = cases.filter((each): each is ChainCase => 'units' in each);
const bad = cases.filter((each): each is BadCase => 'error' in each);
const config = simpleConfig(30);

function pose(values: Record<string, number> = {}, channels = 61): MotionFrame {
  const frame = { face: true, values: new Float32Array(channels) };
  for (const [channel, value] of Object.entries(values)) frame.values[Number(channel)] = value;
  return frame;
}

describe('simple-1', () => {
  it.each(chains)('$name', ({ fps, extras, keyInterval, poses, units }) => {
    const encoder = createMotionEncoder(simpleConfig(fps, extras), { keyInterval });
    const decoder = createMotionDecoder(encoder.config);
    for (const [sequence, unit] of units.entries()) {
      const values = pose(poses[sequence] ?? {}, encoder.config.channels).values;
      const { key, data } = encoder.encode({ face: poses[sequence] !== null, values });
      expect({ key, hex: toHex(data) }).toEqual({ key: unit.key, hex: unit.hex });
      const result = decoder.decode(sequence, unit.key, fromHex(unit.hex));
      if (result.kind !== 'exact') throw new Error(result.kind);
      expect(result.frame.face).toBe(unit.face);
      expect(steps(result.frame.values)).toEqual(unit.steps);
    }
  });

  it.each(bad)('malformed: $name', ({ key, hex, error }) => {
    expect(createMotionDecoder(config).decode(0, key, fromHex(hex))).toEqual({ kind: 'malformed', reason: error });
  });

  it('writes the nibbles of the table, as computed by hand', () => {
    // Key: 17 zeros (run of 17: 6, 10), jawOpen 64 = 24 + 2 * 16 + 8 (f, 2, 8), padding.
    const encoder = createMotionEncoder(config);
    expect(toHex(encoder.encode(pose({ 17: 64 / 127 })).data)).toBe('016af280');
    // Chain: jawOpen one step down, zigzag 1 (7).
    expect(toHex(encoder.encode(pose({ 17: 63 / 127 })).data)).toBe('036a70');
  });

  it('a chain unit without its predecessor waits for a key', () => {
    const encoder = createMotionEncoder(config);
    const decoder = createMotionDecoder(config);
    const units = Array.from({ length: 10 }, (_, n) => encoder.encode(pose({ 17: n / 20 })));
    const kinds = [0, 1, 3, 4, 2, 8, 9].map((n) => decoder.decode(n, units[n]!.key, units[n]!.data).kind);
    expect(kinds).toEqual(['exact', 'exact', 'waiting_for_key', 'waiting_for_key', 'exact', 'exact', 'exact']);
    decoder.reset();
    expect(decoder.decode(10, false, units[1]!.data).kind).toBe('waiting_for_key');
  });

  it('a malformed unit leaves the state as it was', () => {
    const encoder = createMotionEncoder(config);
    const decoder = createMotionDecoder(config);
    const [first, second] = [encoder.encode(pose({ 0: 1 })), encoder.encode(pose({ 0: 0.5 }))];
    decoder.decode(0, true, first.data);
    expect(decoder.decode(1, false, fromHex('03 ff ff ff')).kind).toBe('malformed');
    expect(decoder.decode(1, false, second.data)).toMatchObject({ kind: 'exact' });
  });

  it('the sequence wraps', () => {
    const encoder = createMotionEncoder(config);
    const decoder = createMotionDecoder(config);
    expect(decoder.decode(0xffff_ffff, true, encoder.encode(pose()).data).kind).toBe('exact');
    expect(decoder.decode(0, false, encoder.encode(pose()).data).kind).toBe('exact');
  });

  it('a key can be asked for, and the interval counts from it', () => {
    const encoder = createMotionEncoder(config, { keyInterval: 3 });
    const keys = [false, false, true, false, false, false].map((key) => encoder.encode(pose(), { key }).key);
    expect(keys).toEqual([true, false, true, false, false, true]);
  });

  it('holds the values while there is no face', () => {
    const encoder = createMotionEncoder(config);
    const decoder = createMotionDecoder(config);
    decoder.decode(0, true, encoder.encode(pose({ 17: 1 })).data);
    const gone = encoder.encode({ face: false, values: new Float32Array(61) });
    expect(gone.data).toHaveLength(1);
    const result = decoder.decode(1, false, gone.data);
    expect(result).toMatchObject({ kind: 'exact', frame: { face: false } });
    if (result.kind === 'exact') expect(result.frame.values[17]).toBe(1);
  });

  it('what is not a number counts as 0', () => {
    const decoder = createMotionDecoder(config);
    const frame = pose({ 0: Number.NaN, 1: Number.POSITIVE_INFINITY, 52: Number.NEGATIVE_INFINITY });
    const result = decoder.decode(0, true, createMotionEncoder(config).encode(frame).data);
    if (result.kind !== 'exact') throw new Error(result.kind);
    expect(steps(result.frame.values)).toEqual({ 1: 159, 52: -629 });
  });

  it('refuses wrong configs and frames', () => {
    expect(() => createMotionEncoder({ ...config, codec: 'x' })).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
    const invalid = expect.objectContaining({ code: 'invalid_argument' });
    expect(() => createMotionDecoder({ ...config, channels: 62 })).toThrow(invalid);
    expect(() => createMotionDecoder({ ...config, fps: 0 })).toThrow(invalid);
    expect(() => createMotionDecoder({ ...config, fps: 121 })).toThrow(invalid);
    expect(() => simpleConfig(30, Array.from({ length: 33 }, String))).toThrow(invalid);
    expect(() => createMotionEncoder(config, { keyInterval: 0 })).toThrow(invalid);
    expect(() => createMotionEncoder(config).encode(pose({}, 60))).toThrow(invalid);
  });

  it('each channel comes back within its tolerance', () => {
    const names = ['a', 'b'];
    const wide = simpleConfig(60, names);
    const value = (channel: number): fc.Arbitrary<number> => {
      if (channel < 52) return fc.double({ min: 0, max: 1.25, noNaN: true });
      if (channel < 61) return fc.double({ min: -3.14, max: 3.14, noNaN: true });
      return fc.double({ min: -1, max: 1, noNaN: true });
    };
    const frame = fc.tuple(...Array.from({ length: 63 }, (_, channel) => fc.oneof(fc.constant(0), value(channel))));
    fc.assert(
      fc.property(
        fc.array(fc.option(frame, { freq: 5 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 9 }),
        (list, every) => {
          const encoder = createMotionEncoder(wide, { keyInterval: every });
          const decoder = createMotionDecoder(wide);
          for (const [sequence, values] of list.entries()) {
            const sent = { face: values !== null, values: Float32Array.from(values ?? []) };
            const unit = encoder.encode(sent);
            const result = decoder.decode(sequence, unit.key, unit.data);
            if (result.kind !== 'exact') throw new Error(result.kind);
            expect(result.frame.face).toBe(sent.face);
            for (const [channel, wanted] of sent.values.entries()) {
              const error = Math.abs(result.frame.values[channel]! - wanted);
              if (error > decoder.tolerance[channel]!) throw new Error(`channel ${channel} is off by ${error}`);
            }
          }
        },
      ),
      fuzz(100),
    );
  });

  it('truncations and garbage are malformed, or some frame in range', () => {
    const units = chains.flatMap((each) => each.units.map((unit) => fromHex(unit.hex)));
    for (const data of units) {
      for (let length = 0; length < data.length; length++) checkAnyResult(data.subarray(0, length));
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 900 }), fc.constantFrom(1, 3), (data, head) => {
        checkAnyResult(data);
        checkAnyResult(Uint8Array.of(head, ...data));
      }),
      fuzz(2000),
    );
  });
});

function checkAnyResult(data: Uint8Array): void {
  const decoder = createMotionDecoder(config);
  for (const key of [true, false]) {
    const result = decoder.decode(0, key, data);
    if (result.kind === 'malformed') expect(result.reason).not.toBe('');
    if (result.kind !== 'exact') continue;
    for (const value of result.frame.values) expect(Math.abs(value)).toBeLessThanOrEqual(3.1451);
  }
}

describe('residual coder', () => {
  it('gives back any list of codes', () => {
    const code = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: MAX_CODE }));
    fc.assert(
      fc.property(fc.array(code, { maxLength: 93 }), (codes) => {
        const out = new Uint8Array(300);
        const writer = new NibbleWriter(out, 0);
        let zeros = 0;
        for (const each of codes) {
          if (each === 0) {
            zeros++;
            continue;
          }
          writer.zeros(zeros);
          zeros = 0;
          writer.code(each);
        }
        const back = new Int32Array(codes.length);
        expect(readCodes(out.subarray(0, writer.end), 0, back)).toBeUndefined();
        expect([...back]).toEqual(codes);
      }),
      fuzz(500),
    );
  });

  it('has no gap between the lengths of code', () => {
    for (const code of [1, 7, 8, 23, 24, 247, 248, 4343, 4344, MAX_CODE]) {
      const out = new Uint8Array(3);
      const writer = new NibbleWriter(out, 0);
      writer.code(code);
      const back = new Int32Array(1);
      expect(readCodes(out.subarray(0, writer.end), 0, back)).toBeUndefined();
      expect(back[0]).toBe(code);
    }
  });
});

const recordings = join(import.meta.dirname, '../../../shared/data/motion');
const present = existsSync(recordings);
if (!present) console.log('SKIPPED: simple-1 on recordings: ../shared/data/motion is absent');

describe.skipIf(!present)('simple-1 on recordings', () => {
  const files = present ? readdirSync(recordings).filter((name) => name.endsWith('.csv')) : [];

  it.each(files)('%s: every frame within tolerance, under 30 bytes on average', (name) => {
    const lines = readFileSync(join(recordings, name), 'utf8').split('\n');
    const encoder = createMotionEncoder(config);
    const decoder = createMotionDecoder(config);
    let frames = 0;
    let bytes = 0;
    for (const { frame } of parseLiveLinkCsv(lines)) {
      const unit = encoder.encode(frame);
      bytes += unit.data.length;
      const result = decoder.decode(frames++, unit.key, unit.data);
      if (result.kind !== 'exact') throw new Error(`frame ${frames}: ${result.kind}`);
      expect(result.frame.face).toBe(frame.face);
      if (!frame.face) continue;
      for (let channel = 0; channel < ARKIT_CHANNELS.length; channel++) {
        const error = Math.abs(result.frame.values[channel]! - frame.values[channel]!);
        if (error > decoder.tolerance[channel]!)
          throw new Error(`frame ${frames}, ${ARKIT_CHANNELS[channel]}: ${error}`);
      }
    }
    console.log(`${name}: ${frames} frames, ${(bytes / frames).toFixed(2)} B a frame`);
    expect(bytes / frames).toBeLessThan(30);
  });
});
