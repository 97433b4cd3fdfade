import type { MotionFrame } from '../motion/types.ts';
import type { BenchCodec, BenchStream } from './codec.ts';
import { BenchError } from './errors.ts';
import type { Recording } from './recording.ts';
import { Samples } from './statistics.ts';

/** A recording as the encoder made it: a unit and a pose a frame. */
export interface Encoded {
  frames: readonly MotionFrame[];
  units: Uint8Array[];
  keys: boolean[];
  /** What a decoder has to show, a row of `channels` a frame; rows without a face mean nothing. */
  poses: Float32Array[];
  faces: boolean[];
}

export function encodeRecording(recording: Recording, stream: BenchStream): Encoded {
  const encoder = stream.encoder();
  const out: Encoded = { frames: recording.frames, units: [], keys: [], poses: [], faces: [] };
  for (const frame of recording.frames) {
    const { key, data } = encoder.encode(frame);
    out.units.push(data);
    out.keys.push(key);
    out.poses.push(encoder.reconstruction.values.slice());
    out.faces.push(encoder.reconstruction.face);
  }
  return out;
}

/** Whether a decoded frame is, bit by bit, what the encoder meant. Values without a face mean nothing. */
export function isAsEncoded(encoded: Encoded, row: number, frame: MotionFrame): boolean {
  if (frame.face !== encoded.faces[row]) return false;
  if (!frame.face) return true;
  const pose = encoded.poses[row]!;
  for (let channel = 0; channel < pose.length; channel++) {
    if (frame.values[channel] !== pose[channel]) return false;
  }
  return true;
}

/** Frames that a decoder without losses did not give exactly as the encoder meant them. */
export function countMismatched(encoded: Encoded, stream: BenchStream): number {
  const decoder = stream.decoder();
  let mismatched = 0;
  for (const [row, unit] of encoded.units.entries()) {
    const result = decoder.decode(row, encoded.keys[row]!, unit);
    if (result.kind !== 'exact' || !isAsEncoded(encoded, row, result.frame)) mismatched++;
  }
  return mismatched;
}

/** Bytes of units, by kind. */
export class UnitSizes {
  readonly chain = new Samples();
  readonly key = new Samples();
  readonly noFace = new Samples();

  static of(encoded: Encoded): UnitSizes {
    const sizes = new UnitSizes();
    for (const [row, unit] of encoded.units.entries()) {
      if (!encoded.frames[row]!.face) sizes.noFace.add(unit.length);
      else if (encoded.keys[row]) sizes.key.add(unit.length);
      else sizes.chain.add(unit.length);
    }
    return sizes;
  }

  addAll(other: UnitSizes): void {
    this.chain.addAll(other.chain);
    this.key.addAll(other.key);
    this.noFace.addAll(other.noFace);
  }

  /** Mean over units with a face. */
  get perFrame(): number {
    const all = new Samples();
    all.addAll(this.chain);
    all.addAll(this.key);
    return all.mean;
  }
}

/** Distance of the encoder's poses from the source values, over frames with a face. */
export class PoseErrors {
  /** |error| / step of the channel, over all channels. */
  readonly steps = new Samples();
  /** |error| in the channel's own unit. */
  readonly groups = new Map<string, Samples>();

  static of(encoded: Encoded, stream: BenchStream, groups: BenchCodec['groups']): PoseErrors {
    const errors = new PoseErrors();
    for (const [row, frame] of encoded.frames.entries()) {
      if (!frame.face) continue;
      const pose = encoded.poses[row]!;
      for (let channel = 0; channel < pose.length; channel++) {
        errors.steps.add(Math.abs(pose[channel]! - frame.values[channel]!) / stream.steps[channel]!);
      }
      for (const [name, channels] of Object.entries(groups)) {
        const samples = errors.group(name);
        for (const channel of channels) samples.add(Math.abs(pose[channel]! - frame.values[channel]!));
      }
    }
    return errors;
  }

  group(name: string): Samples {
    const samples = this.groups.get(name) ?? new Samples();
    this.groups.set(name, samples);
    return samples;
  }

  addAll(other: PoseErrors): void {
    this.steps.addAll(other.steps);
    for (const [name, samples] of other.groups) this.group(name).addAll(samples);
  }
}

export interface Timing {
  encode_us: number;
  decode_us: number;
}

const WARM_MS = 300;
const PASSES = 9;

/** us a frame with a face: the median of passes over the recording, after 0.3 s that do not count. */
export function timeCodec(encoded: Encoded, stream: BenchStream, maxUnitBytes: number, nowMs: () => number): Timing {
  const faces = encoded.frames.reduce((count, frame) => count + (frame.face ? 1 : 0), 0);
  const out = new Uint8Array(maxUnitBytes);
  const encode = () => {
    const encoder = stream.encoder();
    for (const frame of encoded.frames) encoder.encodeInto(frame, out);
  };
  const decode = () => {
    const decoder = stream.decoder();
    for (let row = 0; row < encoded.units.length; row++) {
      const { kind } = decoder.decode(row, encoded.keys[row]!, encoded.units[row]!);
      if (kind !== 'exact') throw new BenchError(`unit ${row}`, `decoded as ${kind}`);
    }
  };
  return { encode_us: (median(encode, nowMs) * 1000) / faces, decode_us: (median(decode, nowMs) * 1000) / faces };
}

function median(pass: () => void, nowMs: () => number): number {
  const begun = nowMs();
  do pass();
  while (nowMs() - begun < WARM_MS);
  const took = new Samples();
  for (let n = 0; n < PASSES; n++) {
    const since = nowMs();
    pass();
    took.add(nowMs() - since);
  }
  return took.percentile(0.5);
}
