/**
 * What every motion codec is, so that a stronger one can take the simple one's place. No I/O, no clock, no randomness.
 */

/** Channel order of a frame: 52 ARKit blendshapes (0..1), head yaw, pitch, roll, left and right eye yaw, pitch, roll (rad). */
export interface MotionFrame {
  /** False: the tracker sees no face; `values` are then ignored by encoders and held by decoders. */
  face: boolean;
  /** `channels.length` numbers. Decoders reuse one array: copy what must outlive the next call. */
  values: Float32Array;
}

export interface MotionConfig {
  /** `simple-1`, ... */
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
  data: Uint8Array;
}

export interface MotionEncoder {
  readonly config: MotionConfig;
  /** Encodes the next frame; decides key or chain itself, or key when asked. */
  encode(frame: MotionFrame, options?: { key?: boolean }): EncodedUnit;
}

export type DecodeResult =
  | { kind: 'exact'; frame: MotionFrame }
  /** A chain unit whose predecessor is missing: nothing to show until a key. */
  | { kind: 'waiting_for_key' }
  | { kind: 'malformed'; reason: string };

export interface MotionDecoder {
  readonly config: MotionConfig;
  /** Greatest error of an exact frame for each channel (half a quantiser step). */
  readonly tolerance: Float32Array;
  /** Units in sequence order (a repaired late one may come before its successors); `sequence` is the extended one. */
  decode(sequence: number, key: boolean, data: Uint8Array): DecodeResult;
  reset(): void;
}
