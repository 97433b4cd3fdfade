import { HayateError } from '../../errors.ts';
import { ARKIT_CHANNELS, MAX_EXTRAS } from '../channels.ts';
import type { MotionConfig } from '../types.ts';
import { CODED, MINUS, PLUS, PROFILES, type Profile, QUANTISERS } from './layout.ts';

export const FACE_CODEC = 'face-1';

const UNMERGED = 0x01;

/** How a face is coded. */
export interface FaceConfigOptions {
  /** Nominal frames a second, 1..120; 24..60 is what the model knows. */
  fps: number;
  /** Default `std`. */
  profile?: Profile;
  /** Names of up to 32 extra parameters, each -1..1. */
  extras?: readonly string[];
  /** For sources where, say, eyeLookUpLeft and eyeLookDownLeft may both be over 0. Default false. */
  unmerged?: boolean;
}

export interface FaceSettings {
  fps: number;
  profile: Profile;
  unmerged: boolean;
  extras: number;
}

/** Throws HayateError `invalid_argument`. */
export function faceConfig({ fps, profile = 'std', extras = [], unmerged = false }: FaceConfigOptions): MotionConfig {
  const config: MotionConfig = {
    codec: FACE_CODEC,
    fps,
    channels: ARKIT_CHANNELS.length + extras.length,
    config: Uint8Array.of(PROFILES.indexOf(profile), unmerged ? UNMERGED : 0),
  };
  if (extras.length > 0) config.extras = [...extras];
  faceSettings(config);
  return config;
}

/** What a motion config of face-1 says. Throws HayateError: `unsupported` for another codec, `invalid_argument`. */
export function faceSettings(config: MotionConfig): FaceSettings {
  const extras = config.extras?.length ?? 0;
  if (config.codec !== FACE_CODEC) throw new HayateError('unsupported', `no motion codec is named ${config.codec}`);
  if (!(config.fps >= 1 && config.fps <= 120)) throw invalid(`fps ${config.fps} is not in 1..120`);
  if (extras > MAX_EXTRAS) throw invalid(`${extras} extras are over ${MAX_EXTRAS}`);
  if (config.channels !== ARKIT_CHANNELS.length + extras) {
    throw invalid(`channels ${config.channels} is not ${ARKIT_CHANNELS.length} + ${extras} extras`);
  }
  const [number, flags, ...rest] = config.config ?? [];
  const profile = PROFILES[number ?? -1];
  if (profile === undefined || flags === undefined || rest.length > 0 || (flags & ~UNMERGED) !== 0) {
    throw invalid('config of face-1 is two bytes: profile 0..2, flags 0..1');
  }
  return { fps: config.fps, profile, unmerged: (flags & UNMERGED) !== 0, extras };
}

/** Quantiser step of each channel, in its natural unit. */
export function stepsOf(config: MotionConfig): Float32Array {
  const { profile } = faceSettings(config);
  const { step, extraStep } = QUANTISERS[profile];
  const steps = new Float32Array(config.channels).fill(extraStep);
  for (let c = 0; c < CODED; c++) {
    steps[PLUS[c]!] = step[c]!;
    if (MINUS[c] !== -1) steps[MINUS[c]!] = step[c]!;
  }
  return steps;
}

function invalid(message: string): HayateError {
  return new HayateError('invalid_argument', message);
}
