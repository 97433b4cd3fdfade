import fc from 'fast-check';
import {
  ARKIT_CHANNELS,
  BLENDSHAPE_COUNT,
  faceConfig,
  type MotionConfig,
  type MotionFrame,
  PROFILES,
} from '../motion/index.ts';

/** Any stream of face-1. */
export const anyConfig: fc.Arbitrary<MotionConfig> = fc
  .record({
    profile: fc.constantFrom(...PROFILES),
    fps: fc.constantFrom(24, 30, 45, 60, 1, 120),
    unmerged: fc.boolean(),
    extras: fc.constantFrom(0, 1, 2, 32),
  })
  .map(({ extras, ...options }) =>
    faceConfig({ ...options, extras: Array.from({ length: extras }, (_, n) => `extra${n}`) }),
  );

/** Frames that follow each other by small steps, jump, are out of range, or have no face. */
export function anyFrames({ channels }: MotionConfig, maxLength: number): fc.Arbitrary<MotionFrame[]> {
  const inside = fc.double({ min: 0, max: 1, noNaN: true });
  const outside = fc.constantFrom(-1e30, -2, 1.24, 1.3, 3.14, 9, Number.POSITIVE_INFINITY, Number.NaN, -0);
  const change = fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .array(fc.tuple(fc.nat(channels - 1), fc.double({ min: -0.1, max: 0.1, noNaN: true })), { maxLength: 12 })
        .map((list) => ({ kind: 'step' as const, list })),
    },
    {
      weight: 2,
      arbitrary: fc
        .array(fc.tuple(fc.nat(channels - 1), fc.oneof(inside, outside)), { maxLength: 70 })
        .map((list) => ({ kind: 'set' as const, list })),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'none' as const, list: [] as [number, number][] }) },
  );
  return fc.array(change, { maxLength }).map((changes) => {
    const values = new Float32Array(channels);
    return changes.map(({ kind, list }) => {
      for (const [channel, value] of list) {
        const sign = channel >= BLENDSHAPE_COUNT && Math.floor(value * 1000) % 2 !== 0 ? -1 : 1;
        values[channel] = kind === 'set' ? sign * value : values[channel]! + value;
      }
      return { face: kind !== 'none', values: values.slice() };
    });
  });
}

const PAIRS = [
  ['eyeLookUpLeft', 'eyeLookDownLeft'],
  ['eyeLookUpRight', 'eyeLookDownRight'],
  ['eyeLookInLeft', 'eyeLookOutLeft'],
  ['eyeLookInRight', 'eyeLookOutRight'],
  ['jawLeft', 'jawRight'],
  ['mouthLeft', 'mouthRight'],
].map((pair) => pair.map((name) => (ARKIT_CHANNELS as readonly string[]).indexOf(name)) as [number, number]);

/** What an encoder is meant to show for `frame`: clamped, and merged unless `unmerged`. */
export function meant(frame: MotionFrame, low: Float32Array, high: Float32Array, unmerged: boolean): Float32Array {
  const values = frame.values.map((value, c) =>
    Number.isNaN(value) ? 0 : Math.min(Math.max(value, low[c]!), high[c]!),
  );
  for (const [a, b] of unmerged ? [] : PAIRS) {
    const both = Math.min(values[a]!, values[b]!);
    values[a]! -= both;
    values[b]! -= both;
  }
  return values;
}
