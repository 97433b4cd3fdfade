import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CH, CHANNEL_COUNT, type ChannelName } from '../../avatar/channels.ts';
import { createFace, poseFace, rigOf } from './face.ts';

const PRESETS = ['aa', 'ih', 'ou', 'ee', 'oh', 'blink', 'blinkLeft', 'blinkRight', 'happy', 'sad'];
const ARKIT = (Object.keys(CH) as ChannelName[]).slice(0, 52);

function pose(names: readonly string[], set: Partial<Record<ChannelName, number>>, blink = 0, looks = false) {
  const values = new Float32Array(CHANNEL_COUNT);
  for (const [name, value] of Object.entries(set)) values[CH[name as ChannelName]] = value;
  const face = createFace();
  poseFace(face, rigOf(names, looks), values, blink);
  return face;
}

describe('a model with ARKit’s own names', () => {
  it.each([
    ['small letters', (name: string) => name],
    ['large ones', (name: string) => name[0]!.toUpperCase() + name.slice(1)],
  ])('gets each of the 52 under its own name: %s', (_how, spell) => {
    const names = ARKIT.map(spell);
    for (const [index, channel] of ARKIT.entries()) {
      const { weights } = pose([...names, ...PRESETS], { [channel]: 0.75 });
      expect(weights.size).toBe(52);
      expect([...weights].filter(([, weight]) => weight !== 0)).toEqual([[names[index], 0.75]]);
    }
  });

  it('with eyes of its own is not told twice where to look', () => {
    const { weights, lookYaw } = pose(ARKIT, { eyeLookOutRight: 1, eyeLookInLeft: 1, jawOpen: 1 }, 0, true);
    expect([...weights].filter(([, weight]) => weight > 0)).toEqual([['jawOpen', 1]]);
    expect(lookYaw).toBeGreaterThan(0.4);
  });

  it('is not one that has a few such names by chance', () => {
    expect(rigOf(['jawOpen', 'cheekPuff', ...PRESETS], true).perfect).toBe(false);
  });
});

describe('a model with the presets', () => {
  it('says the vowels', () => {
    const loudest = (set: Partial<Record<ChannelName, number>>) =>
      [...pose(PRESETS, set).weights].toSorted((a, b) => b[1] - a[1])[0]![0];
    expect(loudest({ jawOpen: 0.8 })).toBe('aa');
    expect(loudest({ jawOpen: 0.6, mouthFunnel: 0.8 })).toBe('oh');
    expect(loudest({ mouthPucker: 0.9 })).toBe('ou');
    expect(loudest({ jawOpen: 0.35, mouthStretchLeft: 0.9, mouthStretchRight: 0.9 })).toBe('ee');
  });

  it('winks where it can, and blinks with both eyes where it cannot', () => {
    const wink = pose(PRESETS, { eyeBlinkLeft: 1 }).weights;
    expect([wink.get('blinkLeft'), wink.get('blinkRight'), wink.get('blink')]).toEqual([1, 0, undefined]);
    const plain = PRESETS.filter((name) => !/blink./.test(name));
    expect(pose(plain, { eyeBlinkLeft: 1 }).weights.get('blink')).toBe(0);
    expect(pose(plain, { eyeBlinkLeft: 1, eyeBlinkRight: 0.9 }).weights.get('blink')).toBeCloseTo(0.9);
  });

  it('blinks by itself when no data comes', () => {
    expect(pose(PRESETS, {}, 1).weights.get('blinkLeft')).toBe(1);
    expect(pose(ARKIT, {}, 1).weights.get('eyeBlinkRight')).toBe(1);
  });

  it('never gets more than it has, nor more than one mouth', () => {
    const values = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
      minLength: CHANNEL_COUNT,
      maxLength: CHANNEL_COUNT,
    });
    fc.assert(
      fc.property(values, (all) => {
        const face = createFace();
        poseFace(face, rigOf(PRESETS, true), Float32Array.from(all), 0);
        for (const [name, weight] of face.weights) {
          expect(PRESETS).toContain(name);
          expect(weight).toBeGreaterThanOrEqual(0);
          expect(weight).toBeLessThanOrEqual(1);
        }
        const vowels = ['aa', 'ih', 'ou', 'ee', 'oh'].reduce((sum, name) => sum + face.weights.get(name)!, 0);
        expect(vowels).toBeLessThanOrEqual(1.0001);
      }),
      { seed: 9 },
    );
  });
});

it('looks by blendshapes, else by angles: to its own right, and down', () => {
  expect(pose(PRESETS, { eyeLookOutRight: 1, eyeLookInLeft: 1 }).lookYaw).toBeGreaterThan(0.4);
  expect(pose(PRESETS, { eyeLookUpLeft: 1, eyeLookUpRight: 1 }).lookPitch).toBeLessThan(-0.3);
  expect(pose(PRESETS, { leftEyeYaw: -0.2, rightEyeYaw: -0.2 }).lookYaw).toBeCloseTo(-0.2);
});
