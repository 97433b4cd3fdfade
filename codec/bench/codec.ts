import type { MotionDecoder, MotionEncoder } from '../motion/types.ts';
import type { FoldFile, Profile, Seen } from './seen.ts';

export interface StreamOptions {
  profile: Profile;
  fps: number;
  keyInterval: number;
  /** Undefined: the shipped model. */
  fold: FoldFile | undefined;
}

/** Fresh encoders and decoders of one configuration. */
export interface BenchStream {
  encoder(): MotionEncoder;
  decoder(): MotionDecoder;
  /** Quantiser step of each channel. */
  steps: Float32Array;
}

/** What the bench has to know of a codec. */
export interface BenchCodec {
  /** Channel indices by name of the group. */
  groups: Record<string, readonly number[]>;
  /** Room for any unit. */
  maxUnitBytes: number;
  folds: readonly FoldFile[];
  seen: Seen;
  open(options: StreamOptions): BenchStream;
}
