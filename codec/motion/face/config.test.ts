import { describe, expect, it } from 'vitest';
import { ARKIT_CHANNELS } from '../channels.ts';
import { createFaceDecoder, createFaceEncoder, faceConfig, MAX_UNIT_BYTES, stepsOf } from './index.ts';

const config = faceConfig({ fps: 30 });
const invalid = expect.objectContaining({ code: 'invalid_argument' });

describe('config of face-1', () => {
  it('is profile and flags', () => {
    expect(config).toEqual({ codec: 'face-1', fps: 30, channels: 61, config: Uint8Array.of(1, 0) });
    const other = faceConfig({ fps: 59.94, profile: 'lo', unmerged: true, extras: ['a', 'b'] });
    expect(other).toEqual({
      codec: 'face-1',
      fps: 59.94,
      channels: 63,
      extras: ['a', 'b'],
      config: Uint8Array.of(2, 1),
    });
    expect(faceConfig({ fps: 1, profile: 'hi' }).config).toEqual(Uint8Array.of(0, 0));
  });

  it.each([
    ['fps of 0', { fps: 0 }],
    ['fps over 120', { fps: 121 }],
    ['fps that is no number', { fps: Number.NaN }],
    ['33 extras', { fps: 30, extras: Array.from({ length: 33 }, String) }],
    ['another profile', { fps: 30, profile: 'best' as 'hi' }],
  ])('refuses %s', (_, options) => {
    expect(() => faceConfig(options)).toThrow(invalid);
  });

  it.each([
    ['channels without the extras', { extras: ['a'] }],
    ['too many channels', { channels: 62 }],
    ['no config', { config: new Uint8Array(0) }],
    ['no flags', { config: Uint8Array.of(1) }],
    ['a third byte', { config: Uint8Array.of(1, 0, 0) }],
    ['profile 3', { config: Uint8Array.of(3, 0) }],
    ['a reserved flag', { config: Uint8Array.of(1, 2) }],
    ['33 extras', { channels: 94, extras: Array.from({ length: 33 }, String) }],
    ['fps over 120', { fps: 120.1 }],
  ])('codecs refuse %s', (_, wrong) => {
    expect(() => createFaceEncoder({ ...config, ...wrong })).toThrow(invalid);
    expect(() => createFaceDecoder({ ...config, ...wrong })).toThrow(invalid);
    expect(() => stepsOf({ ...config, ...wrong })).toThrow(invalid);
  });

  it('codecs refuse another codec, and settings that cannot be', () => {
    const unsupported = expect.objectContaining({ code: 'unsupported' });
    expect(() => createFaceEncoder({ ...config, codec: 'face-2' })).toThrow(unsupported);
    expect(() => createFaceDecoder({ ...config, codec: '' })).toThrow(unsupported);
    for (const keyInterval of [0, -1, 1.5, Number.NaN]) {
      expect(() => createFaceEncoder(config, { keyInterval })).toThrow(invalid);
    }
    const encoder = createFaceEncoder(config);
    expect(() => encoder.encode({ face: true, values: new Float32Array(60) })).toThrow(invalid);
    const frame = { face: true, values: new Float32Array(61) };
    expect(() => encoder.encodeInto(frame, new Uint8Array(MAX_UNIT_BYTES - 1))).toThrow(invalid);
    // What was refused left no trace.
    expect(encoder.encode(frame).key).toBe(true);
  });

  it('steps are those of the profile, for each channel', () => {
    const at = (profile: 'hi' | 'std' | 'lo', name: (typeof ARKIT_CHANNELS)[number]) =>
      stepsOf(faceConfig({ fps: 30, profile }))[ARKIT_CHANNELS.indexOf(name)];
    expect(at('hi', 'browInnerUp')).toBeCloseTo(1 / 127);
    expect(at('std', 'jawOpen')).toBeCloseTo(1 / 80);
    expect(at('std', 'mouthLeft')).toBeCloseTo(1 / 80);
    expect(at('std', 'eyeLookInLeft')).toBeCloseTo(1 / 48);
    expect(at('std', 'headYaw')).toBeCloseTo(0.005);
    expect(at('lo', 'leftEyeRoll')).toBeCloseTo(0.06);
    const wide = faceConfig({ fps: 30, extras: ['a'] });
    expect(stepsOf(wide)[61]).toBeCloseTo(1 / 80);
    expect([...stepsOf(wide)].every((step) => step > 0)).toBe(true);
    expect([...createFaceDecoder(wide).tolerance].every((t, c) => t >= stepsOf(wide)[c]!)).toBe(true);
  });
});
