import {
  ARKIT_CHANNELS,
  createMotionDecoder,
  createMotionEncoder,
  type MotionConfig,
  simpleConfig,
} from '../../motion/index.ts';
import { fromHex, toHex, type VectorFile } from './hex.ts';

/** Channel (by index) to value; the rest is 0. Null: no face. */
type Pose = Record<number, number> | null;

const PLAIN = simpleConfig(30);
const EXTRAS = simpleConfig(60, ['tailWag', 'earLift']);

const CHAINS: [string, MotionConfig, Pose[], number][] = [
  ['neutral, and again', PLAIN, [{}, {}], 8],
  ['one blendshape up and down by small steps', PLAIN, [{ 17: 0.1 }, { 17: 0.11 }, { 17: 0.1 }, {}], 8],
  ['each length of code', PLAIN, [{ 0: 7 / 127, 1: 8 / 127, 2: 23 / 127, 3: 24 / 127, 4: 1, 52: 0.6, 60: -3 }], 8],
  ['runs of zeros of 6, 7, 22, 23', PLAIN, [{ 6: 0.5 }, { 6: 0.5, 7: 0.5 }, { 22: 0.1 }, { 23: 0.1, 60: 0.005 }], 1],
  [
    'angles on both sides',
    PLAIN,
    [
      { 52: 0.3, 53: -0.3, 54: 3.145 },
      { 52: -3.145, 53: 3.145, 54: -3.145 },
    ],
    8,
  ],
  ['clamped', PLAIN, [{ 0: -1, 1: 2, 52: 9, 53: -9 }], 8],
  ['no face in between: the chain goes on', PLAIN, [{ 17: 0.5 }, null, { 17: 0.5 }], 8],
  ['no face at a key: the chain starts from zero', PLAIN, [{ 17: 0.5 }, null, { 17: 0.5 }], 1],
  ['a key each second frame', PLAIN, [{ 1: 0.2 }, { 1: 0.2 }, { 1: 0.2 }], 2],
  [
    'extras',
    EXTRAS,
    [
      { 61: -1, 62: 1 },
      { 61: 1, 62: -1 },
    ],
    8,
  ],
];

const BAD: [string, boolean, string, string][] = [
  ['empty', true, '', 'empty'],
  ['reserved bit', true, '05', 'reserved bit'],
  ['chain unit said to be a key', true, '03', 'the unit and its bundle differ on key'],
  ['key unit said to be chain', false, '01', 'the unit and its bundle differ on key'],
  ['bytes after no face', true, '00 00', 'bytes after a unit without a face'],
  ['run past the last channel', true, '01 6f 6f 6f', 'run past the last channel'],
  ['value past the last channel', true, '01 6f 6f 65 03 77', 'value past the last channel'],
  ['run cut', true, '01 06', 'truncated run'],
  ['value cut', true, '01 0e', 'truncated value'],
  ['long value cut', true, '01 f1', 'truncated value'],
  ['longest value cut', true, '01 fe 11', 'truncated value'],
  ['blendshape over its range', true, '01 f8 80', 'value out of range'],
  ['angle over its range', true, '01 6f 6f 61 fe 3f 40', 'value out of range'],
];

export function motionVectors(): VectorFile {
  return {
    description:
      'simple-1 units, docs/motion-codec.md: a chain of units in order from sequence 0 and the quantised frame after each (channel: steps; the rest is 0), or a unit alone that is malformed.',
    cases: [
      ...CHAINS.map(([name, config, poses, keyInterval]) => {
        const encoder = createMotionEncoder(config, { keyInterval });
        const decoder = createMotionDecoder(config);
        const units = poses.map((pose, sequence) => {
          const values = new Float32Array(config.channels);
          for (const [channel, value] of Object.entries(pose ?? {})) values[Number(channel)] = value;
          const { key, data } = encoder.encode({ face: pose !== null, values });
          const result = decoder.decode(sequence, key, data);
          if (result.kind !== 'exact') throw new Error(`${name}: ${result.kind}`);
          return { key, hex: toHex(data), face: result.frame.face, steps: steps(result.frame.values) };
        });
        return { name, fps: config.fps, extras: config.extras ?? [], keyInterval, poses, units };
      }),
      ...BAD.map(([name, key, hex, error]) => ({ name, key, hex: toHex(fromHex(hex)), error })),
    ],
  };
}

/** Values as whole quantiser steps, zeros left out. */
export function steps(values: Float32Array): Record<string, number> {
  const out: Record<string, number> = {};
  for (const [channel, value] of values.entries()) {
    const angle = channel >= 52 && channel < ARKIT_CHANNELS.length;
    const count = Math.round(value / (angle ? 0.005 : 1 / 127));
    if (count !== 0) out[channel] = count;
  }
  return out;
}
