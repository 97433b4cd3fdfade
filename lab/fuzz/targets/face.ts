import { ok, strictEqual } from 'node:assert/strict';
import { HayateError } from '@hayate/codec/errors';
import { createFaceDecoder, type DecodeResult, type MotionConfig, type MotionDecoder } from '@hayate/codec/motion';
import { PROFILES, QUANTISERS } from '../../../codec/motion/face/layout.ts';
import { limitsOf } from '../../../codec/motion/face/pose.ts';
import { readVectors } from '../../../codec/testing/vectors.ts';
import { fromHex } from '../../../codec/vectors/make/hex.ts';
import type { Target } from '../guided/target.ts';

interface Vector {
  stream: { profile: (typeof PROFILES)[number]; unmerged: boolean; extras: string[]; config: string };
  before?: { key: boolean; hex: string }[];
  units?: { key: boolean; hex: string }[];
  key?: boolean;
  hex?: string;
}

const MOST_UNITS = 6;
const MOST_STREAMS = 300;
const KEY = 1;
const AHEAD = 2;
const CONCEAL = 4;
const NEXT = 8;

/** Bytes 0 to 2: profile, flags, extras. Then units: what is done with it, length, bytes. */
function config(input: Uint8Array): MotionConfig {
  const extras = (input[2] ?? 0) % 40;
  const of = { codec: 'face-1', fps: 30, channels: 61 + extras, config: input.subarray(0, 2) };
  return extras === 0 ? of : { ...of, extras: Array.from({ length: extras }, (_, n) => `e${n}`) };
}

interface Stream {
  said: MotionConfig;
  decoder: MotionDecoder;
  low: Float32Array;
  high: Float32Array;
}

/** Undefined: refused as documented. */
function open(input: Uint8Array): Stream | undefined {
  const said = config(input);
  try {
    const decoder = createFaceDecoder(said);
    return { said, decoder, ...limitsOf(QUANTISERS[PROFILES[input[0]!]!], said.channels) };
  } catch (error) {
    if (error instanceof HayateError && error.code === 'invalid_argument') return undefined;
    throw error;
  }
}

/** By the first three bytes: a decoder costs more to make than an input to decode, and `reset` must do. */
const streams = new Map<string, Stream>();

function decode(input: Uint8Array): void {
  const key = input.subarray(0, 3).join();
  const stream = streams.get(key) ?? open(input);
  if (stream === undefined) return;
  if (streams.size < MOST_STREAMS) streams.set(key, stream);
  const { said, decoder, low, high } = stream;
  decoder.reset();
  const check = (result: DecodeResult, sequence?: number) => {
    if (sequence !== undefined) strictEqual(result.sequence, sequence);
    if (result.kind === 'malformed') ok(result.reason !== '');
    if (!('frame' in result)) return;
    strictEqual(result.frame.values.length, said.channels);
    for (let c = 0; c < said.channels; c++) {
      const value = result.frame.values[c]!;
      ok(value >= low[c]! && value <= high[c]!, `channel ${c} is ${value}`);
    }
  };
  let sequence = 0xffff_fffc;
  let at = 3;
  for (let n = 0; n < MOST_UNITS && at < input.length; n++) {
    const flags = input[at]!;
    const length = input[at + 1] ?? 0;
    const data = input.subarray(at + 2, at + 2 + length);
    at += 2 + length;
    sequence = (sequence + (flags & AHEAD ? 2 : 1)) >>> 0;
    check(decoder.decode(sequence, (flags & KEY) !== 0, data), sequence);
    if (flags & NEXT) for (let next = decoder.next(); next !== undefined; next = decoder.next()) check(next);
    if (flags & CONCEAL) check(decoder.conceal((sequence + 1 + (flags >> 4)) >>> 0));
  }
}

function seed({ stream, before = [], units = [], key, hex }: Vector): Uint8Array {
  const all = [...before, ...units, ...(hex === undefined ? [] : [{ key: key ?? true, hex }])];
  const said = fromHex(stream.config);
  const coded = all.slice(0, MOST_UNITS).flatMap((unit) => {
    const data = fromHex(unit.hex);
    return [(unit.key ? KEY : 0) | NEXT, data.length, ...data];
  });
  return Uint8Array.of(said[0] ?? 0, said[1] ?? 0, stream.extras.length, ...coded);
}

export const face: Target = {
  name: 'face',
  of: 'units of motion (face-1): chains of them, early ones, concealment, and the config of a stream',
  files: [
    'config',
    'decoder',
    'distribution',
    'frame-coder',
    'history',
    'model',
    'pose',
    'predictor',
    'range-coder',
    'unit',
  ].map((file) => `motion/face/${file}.ts`),
  seeds: () =>
    readVectors<Vector>('motion.json')
      .filter(({ stream }) => stream !== undefined)
      .map(seed),
  maxBytes: 500,
  open: () => decode,
};
