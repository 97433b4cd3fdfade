import { CODED, MERGED, MINUS, PLUS, PROFILES, type Profile, QUANTISERS } from '../motion/face/layout.ts';
import {
  ARKIT_CHANNELS,
  createFaceDecoder,
  createFaceEncoder,
  type DecodeResult,
  faceConfig,
  type MotionConfig,
  type MotionDecoder,
} from '../motion/index.ts';

/** What JSON has no number for. */
export type PoseValue = number | 'NaN' | 'Infinity' | '-Infinity';
/** ARKIT_CHANNELS index (extras from 61 on) to value; the rest is 0. Null: no face. */
export type VectorPose = Readonly<Record<string, PoseValue>> | null;

export interface VectorStream {
  profile: Profile;
  unmerged: boolean;
  fps: number;
  extras: string[];
  /** The codec's own bytes of the motion config. */
  config: string;
}

/** A frame in whole steps; what is 0 is left out, and what has nothing else is too. */
export interface VectorFrame {
  face: boolean;
  /** By coded channel. */
  steps: Record<string, number>;
  /** By place in the list of merged channels. */
  overlaps?: Record<string, number>;
  /** By place in the list of names. */
  extras?: Record<string, number>;
}

export interface VectorUnit {
  key: boolean;
  hex: string;
}

export interface ChainVector {
  name: string;
  stream: VectorStream;
  keyInterval: number;
  /** Places at which the encoder is asked for a key. */
  forced: number[];
  poses: VectorPose[];
  units: (VectorUnit & VectorFrame)[];
}

export type VectorCall =
  | ({ call: 'decode'; sequence: number } & VectorUnit)
  | { call: 'next' }
  | { call: 'conceal'; sequence: number }
  | { call: 'reset' };

/** What a call gives; null where it gives nothing. `values`: of a concealed pose, to 6 digits, by channel. */
export type VectorResult =
  | ({ kind: 'exact' | 'late_used'; sequence: number } & VectorFrame)
  | { kind: 'concealed'; sequence: number; face: boolean; values: Record<string, number> }
  | { kind: 'stale' | 'waiting_for_key'; sequence: number }
  | { kind: 'malformed'; sequence: number; reason: string }
  | null;

export interface CallsVector {
  name: string;
  stream: VectorStream;
  /** On one decoder, in this order. */
  calls: (VectorCall & { result: VectorResult })[];
}

/** A unit that is malformed after those `before` it. */
export interface BadVector extends VectorUnit {
  name: string;
  stream: VectorStream;
  before: VectorUnit[];
  error: string;
}

export type MotionVector = ChainVector | CallsVector | BadVector;

/** Checks cases of codec/vectors/motion.json with this codec: a text for each case that fails. */
export function checkMotionVectors(cases: readonly MotionVector[]): string[] {
  return cases.flatMap((each) => {
    try {
      if ('units' in each) checkChain(each);
      else if ('calls' in each) checkCalls(each);
      else checkBad(each);
      return [];
    } catch (error) {
      return [`${each.name}: ${error instanceof Error ? error.message : String(error)}`];
    }
  });
}

function checkChain({ stream, keyInterval, forced, poses, units }: ChainVector): void {
  const config = configOf(stream);
  const encoder = createFaceEncoder(config, { keyInterval });
  const decoder = createFaceDecoder(config);
  if (poses.length !== units.length) throw new Error(`${poses.length} poses and ${units.length} units`);
  for (const [sequence, unit] of units.entries()) {
    const encoded = encoder.encode(poseFrame(poses[sequence]!, config), { key: forced.includes(sequence) });
    const { key, hex, ...frame } = unit;
    expectSame(`unit ${sequence}, encoded`, { key: encoded.key, hex: toHex(encoded.data) }, { key, hex });
    const result = decoder.decode(sequence, key, fromHex(hex));
    expectSame(`unit ${sequence}, decoded`, resultOf(result, config), { kind: 'exact', sequence, ...frame });
    if ('frame' in result) expectValues(`unit ${sequence}`, result.frame.values, valuesOf(frame, config));
    expectValues(`unit ${sequence}, reconstructed`, encoder.reconstruction.values, valuesOf(frame, config));
  }
}

function checkCalls({ stream, calls }: CallsVector): void {
  const config = configOf(stream);
  const decoder = createFaceDecoder(config);
  for (const [n, { result, ...call }] of calls.entries()) {
    const got = callDecoder(decoder, call);
    const what = `call ${n}, ${call.call}`;
    if (got?.kind === 'concealed' && result?.kind === 'concealed') {
      const { sequence, face } = result;
      expectSame(what, { sequence: got.sequence, face: got.frame.face }, { sequence, face });
      for (const [channel, value] of got.frame.values.entries()) {
        const wanted = result.values[channel] ?? 0;
        if (!(Math.abs(value - wanted) <= 2e-6))
          throw new Error(`${what}: channel ${channel} is ${value}, not ${wanted}`);
      }
    } else {
      expectSame(what, got === undefined ? null : resultOf(got, config), result);
    }
  }
}

function checkBad({ stream, before, key, hex, error }: BadVector): void {
  const decoder = createFaceDecoder(configOf(stream));
  for (const [sequence, unit] of before.entries()) {
    const { kind } = decoder.decode(sequence, unit.key, fromHex(unit.hex));
    if (kind !== 'exact') throw new Error(`unit ${sequence} before is ${kind}`);
  }
  const sequence = before.length;
  const result = decoder.decode(sequence, key, fromHex(hex));
  expectSame('the unit', result.kind === 'malformed' ? result : { kind: result.kind }, {
    kind: 'malformed',
    sequence,
    reason: error,
  });
}

export function callDecoder(decoder: MotionDecoder, call: VectorCall): DecodeResult | undefined {
  switch (call.call) {
    case 'decode':
      return decoder.decode(call.sequence, call.key, fromHex(call.hex));
    case 'next':
      return decoder.next();
    case 'conceal':
      return decoder.conceal(call.sequence);
    case 'reset':
      decoder.reset();
      return undefined;
  }
}

export function configOf({ profile, unmerged, fps, extras, config }: VectorStream): MotionConfig {
  const made = faceConfig({ fps, profile, unmerged, extras });
  expectSame('the config', toHex(made.config!), config);
  return made;
}

export function poseFrame(pose: VectorPose, config: MotionConfig): { face: boolean; values: Float32Array } {
  const values = new Float32Array(config.channels);
  for (const [channel, value] of Object.entries(pose ?? {})) values[Number(channel)] = Number(value);
  return { face: pose !== null, values };
}

export function resultOf(result: DecodeResult, config: MotionConfig): VectorResult {
  const { sequence } = result;
  switch (result.kind) {
    case 'exact':
    case 'late_used':
      return { kind: result.kind, sequence, ...frameOf(result.frame, config) };
    case 'concealed': {
      const entries = [...result.frame.values.entries()].map(([channel, value]) => [channel, Number(value.toFixed(6))]);
      const values = Object.fromEntries(entries.filter(([, value]) => value !== 0));
      return { kind: 'concealed', sequence, face: result.frame.face, values };
    }
    case 'malformed':
      return { kind: 'malformed', sequence, reason: result.reason };
    default:
      return { kind: result.kind, sequence };
  }
}

/** Values of a decoded frame as whole steps. */
function frameOf({ face, values }: { face: boolean; values: Float32Array }, config: MotionConfig): VectorFrame {
  const { step, extraStep } = quantiserOf(config);
  const steps: Record<string, number> = {};
  const overlaps: Record<string, number> = {};
  const extras: Record<string, number> = {};
  const put = (to: Record<string, number>, at: number, value: number) => {
    if (Math.round(value) !== 0) to[at] = Math.round(value);
  };
  for (let c = 0; c < CODED; c++) {
    const minus = MINUS[c]!;
    put(steps, c, (values[PLUS[c]!]! - (minus < 0 ? 0 : values[minus]!)) / step[c]!);
  }
  for (const [i, c] of MERGED.entries()) {
    put(overlaps, i, Math.min(values[PLUS[c]!]!, values[MINUS[c]!]!) / step[c]!);
  }
  for (let i = ARKIT_CHANNELS.length; i < values.length; i++) {
    put(extras, i - ARKIT_CHANNELS.length, values[i]! / extraStep);
  }
  const frame: VectorFrame = { face, steps };
  if (Object.keys(overlaps).length > 0) frame.overlaps = overlaps;
  if (Object.keys(extras).length > 0) frame.extras = extras;
  return frame;
}

/** Steps as the values that a decoder gives. */
function valuesOf({ steps, overlaps = {}, extras = {} }: VectorFrame, config: MotionConfig): Float32Array {
  const { step, extraStep } = quantiserOf(config);
  const values = new Float32Array(config.channels);
  for (const [at, value] of Object.entries(steps)) {
    const c = Number(at);
    const minus = MINUS[c]!;
    if (minus < 0 || value > 0) values[PLUS[c]!] = value * step[c]!;
    else values[minus] = -value * step[c]!;
  }
  for (const [at, overlap] of Object.entries(overlaps)) {
    const c = MERGED[Number(at)]!;
    const value = steps[c] ?? 0;
    values[PLUS[c]!] = (overlap + Math.max(value, 0)) * step[c]!;
    values[MINUS[c]!] = (overlap + Math.max(-value, 0)) * step[c]!;
  }
  for (const [at, value] of Object.entries(extras)) values[ARKIT_CHANNELS.length + Number(at)] = value * extraStep;
  return values;
}

function quantiserOf(config: MotionConfig) {
  return QUANTISERS[PROFILES[config.config![0]!]!];
}

function expectSame(what: string, got: unknown, wanted: unknown): void {
  const [a, b] = [canonical(got), canonical(wanted)];
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`);
}

/** JSON whose keys are in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

function expectValues(what: string, got: Float32Array, wanted: Float32Array): void {
  for (const [channel, value] of wanted.entries()) {
    // Not Object.is: a zero has no sign here.
    if (got[channel] !== value) throw new Error(`${what}: channel ${channel} is ${got[channel]}, not ${value}`);
  }
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, n) => Number.parseInt(hex.slice(2 * n, 2 * n + 2), 16));
}
