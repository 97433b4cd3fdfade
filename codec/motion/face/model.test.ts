import { describe, expect, it } from 'vitest';
import { PROFILES } from './layout.ts';
import { loadFaceModel, MIX_POINTS } from './model.ts';
import { builtInModel } from './models.ts';
import { TABLE } from './tables/std.ts';

const bytes = Buffer.from(TABLE, 'base64');
const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'invalid_argument', message: expect.stringMatching(message) });
const load = (changed: Uint8Array) => loadFaceModel(Buffer.from(changed).toString('base64'));

describe('tables of the face model', () => {
  it.each(PROFILES)('%s: read once, distributions rise to 1', (profile) => {
    const { key, chain } = builtInModel(profile);
    expect(builtInModel(profile).key).toBe(key);
    for (const { mix } of [key, chain]) {
      expect([mix[0], mix[MIX_POINTS]]).toEqual([2 ** 14, 2 ** 15]);
      expect(mix.every((each, i) => i === 0 || each >= mix[i - 1]!)).toBe(true);
    }
  });

  it('all of them, and nothing behind', () => {
    expect(load(bytes)).toEqual(builtInModel('std'));
    for (const length of [0, 1, 600, bytes.length >> 1, bytes.length - 1]) {
      expect(() => load(bytes.subarray(0, length))).toThrow(refused(/end early/));
    }
    expect(() => load(Uint8Array.of(...bytes, 0))).toThrow(refused(/bytes after/));
  });

  it('no table at all', () => {
    expect(() => loadFaceModel('*')).toThrow(refused(/not base64/));
    expect(() => load(new Uint8Array(100_000).fill(255))).toThrow(refused(/over 28 bits/));
    expect(() => load(new Uint8Array(100_000).fill(1))).toThrow(refused(/falls/));
    expect(() => load(new Uint8Array(100_000))).toThrow(refused(/does not end/));
  });
});
