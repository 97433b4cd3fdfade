/**
 * What every motion codec is. No I/O, no clock, no randomness: the same frames give the same bytes on every platform.
 */

/** Channel order of a frame: 52 ARKit blendshapes (0..1), head yaw, pitch, roll, left and right eye yaw, pitch, roll (rad). */
export interface MotionFrame {
  /** False: the tracker sees no face; `values` are then ignored by encoders and held by decoders. */
  face: boolean;
  /** `channels` numbers. Decoders reuse one array: copy what must outlive the next call. */
  values: Float32Array;
}

/** What a liver's relay and viewers are told of the motion that comes. */
export interface MotionConfig {
  /** `face-1`. */
  codec: string;
  /** Nominal frames a second, 1..120. */
  fps: number;
  /** Count of channels: 61, plus extras. */
  channels: number;
  /** Names of up to 32 extra parameters, each -1..1, after the 61. */
  extras?: string[];
  /** Codec's own settings (profile, steps); opaque to relays. */
  config?: Uint8Array;
}

export interface EncodedUnit {
  key: boolean;
  /** A copy that the caller owns. */
  data: Uint8Array;
}

export interface EncodeOptions {
  /** Forces a key; a key also comes each `keyInterval` frames. */
  key?: boolean;
}

export interface MotionEncoder {
  readonly config: MotionConfig;
  /** Whether the last unit was a key. */
  readonly lastWasKey: boolean;
  /** Encodes the next frame; decides key or chain itself, or key when asked. */
  encode(frame: MotionFrame, options?: EncodeOptions): EncodedUnit;
  /** The same without an allocation: writes from `out[0]`, returns the bytes. `out` holds MAX_UNIT_BYTES at least. */
  encodeInto(frame: MotionFrame, out: Uint8Array, key?: boolean): number;
  /** The pose a decoder of the last unit shows; the encoder's own array. */
  readonly reconstruction: MotionFrame;
}

/** Results and their frames are the decoder's own objects: valid until the next call. */
export type DecodeResult =
  /** The newest frame so far, as the encoder meant it. */
  | { kind: 'exact'; sequence: number; frame: MotionFrame }
  /** Exact too, but a newer unit came before it: it restores the chain, and may be too old to show. */
  | { kind: 'late_used'; sequence: number; frame: MotionFrame }
  /** No unit for this frame: an estimate from the ones before. */
  | { kind: 'concealed'; sequence: number; frame: MotionFrame }
  /** Decoded before, or older than the state that the decoder keeps. */
  | { kind: 'stale'; sequence: number }
  /** A chain unit whose predecessor is missing: it is kept for `next()`, until the predecessor or a newer key comes. */
  | { kind: 'waiting_for_key'; sequence: number }
  | { kind: 'malformed'; sequence: number; reason: string };

export interface MotionDecoder {
  readonly config: MotionConfig;
  /** Greatest error of an exact frame for each channel, clamping aside. */
  readonly tolerance: Float32Array;
  /** Units in any order; `sequence` is the extended one. Never throws for what the bytes are. */
  decode(sequence: number, key: boolean, data: Uint8Array): DecodeResult;
  /** Units that waited and can be decoded now, oldest first: call it after each `decode` until undefined. */
  next(): DecodeResult | undefined;
  /** An estimate for a frame after the newest decoded one; `waiting_for_key` when there is none. Changes no state. */
  conceal(sequence: number): DecodeResult;
  reset(): void;
}
