import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyConfig, anyFrames, meant } from '../../testing/arbitraries.ts';
import { fuzz } from '../../testing/fuzz.ts';
import { talkFrame } from '../../testing/talk.ts';
import { runWorker } from '../../testing/worker.ts';
import type { MotionFrame } from '../types.ts';
import { faceSettings } from './config.ts';
import { createFaceDecoder, createFaceEncoder, faceConfig, MAX_UNIT_BYTES } from './index.ts';
import { QUANTISERS } from './layout.ts';
import { limitsOf } from './pose.ts';

const stream = anyConfig.chain((config) =>
  fc.record({
    config: fc.constant(config),
    frames: anyFrames(config, 20),
    keyInterval: fc.integer({ min: 1, max: 9 }),
    forced: fc.array(fc.nat(20), { maxLength: 3 }),
  }),
);

const copyOf = ({ face, values }: MotionFrame): MotionFrame => ({ face, values: values.slice() });

describe('face-1', () => {
  it('a decoder shows what the encoder says, and each channel is within its tolerance', () => {
    fc.assert(
      fc.property(stream, ({ config, frames, keyInterval, forced }) => {
        const { profile, unmerged } = faceSettings(config);
        const { low, high } = limitsOf(QUANTISERS[profile], config.channels);
        const encoder = createFaceEncoder(config, { keyInterval });
        const decoder = createFaceDecoder(config);
        let held = new Float32Array(config.channels);
        for (const [sequence, frame] of frames.entries()) {
          const unit = encoder.encode(frame, { key: forced.includes(sequence) });
          expect(unit.data.length).toBeLessThanOrEqual(MAX_UNIT_BYTES);
          const result = decoder.decode(sequence, unit.key, unit.data);
          if (result.kind !== 'exact') throw new Error(`${sequence}: ${result.kind}`);
          expect(result.frame).toEqual(encoder.reconstruction);
          expect(result.frame.face).toBe(frame.face);
          const wanted = frame.face ? meant(frame, low, high, unmerged) : unit.key ? held.fill(0) : held;
          for (const [channel, value] of result.frame.values.entries()) {
            const error = Math.abs(value - wanted[channel]!);
            if (!(error <= (frame.face ? decoder.tolerance[channel]! : 0))) {
              throw new Error(`frame ${sequence}, channel ${channel}: ${value}, wanted ${wanted[channel]}`);
            }
            if (!(value >= low[channel]! && value <= high[channel]!)) throw new Error(`channel ${channel} is ${value}`);
          }
          held = result.frame.values.slice();
          if (!unit.key) continue;
          const fresh = createFaceDecoder(config).decode(7, true, unit.data);
          expect(fresh).toEqual({ kind: 'exact', sequence: 7, frame: encoder.reconstruction });
        }
      }),
      fuzz(150),
    );
  });

  it('the same frames give the same bytes, into an array of the caller too, beside other encoders', () => {
    fc.assert(
      fc.property(stream, stream, ({ config, frames, keyInterval, forced }, other) => {
        const first = createFaceEncoder(config, { keyInterval });
        const second = createFaceEncoder(config, { keyInterval });
        const third = createFaceEncoder(other.config);
        const out = new Uint8Array(MAX_UNIT_BYTES + 5).fill(0xaa);
        const units = frames.map((frame, n) => {
          const unit = first.encode(frame, { key: forced.includes(n) });
          if (other.frames[n]) third.encode(other.frames[n]);
          out.fill(0xaa, MAX_UNIT_BYTES);
          const length = second.encodeInto(frame, out, forced.includes(n));
          expect(out.slice(0, length)).toEqual(unit.data);
          expect(out.subarray(MAX_UNIT_BYTES).every((byte) => byte === 0xaa)).toBe(true);
          expect([first.lastWasKey, second.lastWasKey]).toEqual([unit.key, unit.key]);
          return copyOf({ face: unit.key, values: Float32Array.from(unit.data) });
        });
        const again = createFaceEncoder(config, { keyInterval });
        for (const [n, frame] of frames.entries()) {
          const { data } = again.encode(frame, { key: forced.includes(n) });
          expect(Float32Array.from(data)).toEqual(units[n]!.values);
        }
      }),
      fuzz(60),
    );
  });

  it('a key each keyInterval frames, when asked, and when a face is back after a key without one', () => {
    const encoder = createFaceEncoder(faceConfig({ fps: 30 }), { keyInterval: 3 });
    const frame = talkFrame(0);
    const keys = [false, false, true, false, false, false].map((key) => encoder.encode(frame, { key }).key);
    expect(keys).toEqual([true, false, true, false, false, true]);
    const gone = createFaceEncoder(faceConfig({ fps: 30 }), { keyInterval: 100 });
    const faces = [false, false, true, true, false, true];
    expect(faces.map((face) => gone.encode({ ...frame, face }).key)).toEqual([true, false, true, false, false, false]);
  });

  it('without a face: two bytes at most, the pose is held, values do not count', () => {
    const config = faceConfig({ fps: 30 });
    const encoder = createFaceEncoder(config);
    const decoder = createFaceDecoder(config);
    decoder.decode(0, true, encoder.encode(talkFrame(0.2)).data);
    const before = copyOf(encoder.reconstruction);
    const unit = encoder.encode({ face: false, values: new Float32Array(0) });
    expect(unit.data.length).toBeLessThanOrEqual(2);
    const result = decoder.decode(1, unit.key, unit.data);
    expect(result).toEqual({ kind: 'exact', sequence: 1, frame: { face: false, values: before.values } });
  });

  it('talk costs what it may: a model and code that do not fit would cost many times more', () => {
    for (const [profile, most] of [
      ['hi', 14],
      ['std', 11],
      ['lo', 8],
    ] as const) {
      const encoder = createFaceEncoder(faceConfig({ fps: 30, profile }));
      let bytes = 0;
      for (let n = 0; n < 300; n++) bytes += encoder.encode(talkFrame(n / 30)).data.length;
      expect(bytes / 300).toBeLessThan(most);
    }
  });

  it('allocates nothing in steady state', async () => {
    // In a thread of its own, as vitest's modules are much slower; a copy of each unit is the control.
    const { steady, copied } = await runWorker<{ steady: number; copied: number }>('steady-worker.ts', {});
    expect(steady).toBeLessThan(4);
    expect(copied).toBeGreaterThan(30);
  });
});
