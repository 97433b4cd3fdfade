import { HayateError } from '../../errors.ts';
import { ARKIT_CHANNELS } from '../channels.ts';
import type { EncodedUnit, EncodeOptions, MotionConfig, MotionEncoder, MotionFrame } from '../types.ts';
import { faceSettings } from './config.ts';
import type { Distribution } from './distribution.ts';
import { FrameCoder, type SymbolCoder } from './frame-coder.ts';
import { CODED, MERGED, MINUS, PLUS } from './layout.ts';
import type { FaceModel } from './model.ts';
import { builtInModel } from './models.ts';
import { writeFrame } from './pose.ts';
import { RangeEncoder, TOTAL } from './range-coder.ts';
import { MAX_UNIT_BYTES } from './unit.ts';

const DEFAULT_KEY_INTERVAL = 8;
/** Weight of 1/256 bit against 1/65536 squared step: 0.18 of a squared step a bit. */
const RATE_WEIGHT = 46;
const ONE = 256;
const EXTRAS_FROM = ARKIT_CHANNELS.length;

export interface FaceEncoderOptions {
  /** Frames from key to key, 1 = each frame. Default 8. */
  keyInterval?: number;
  /** Default: the built-in one of the profile. A decoder must have the same. */
  model?: FaceModel;
}

/**
 * Throws HayateError `unsupported` for another codec, `invalid_argument` for a wrong config. Values outside a channel's
 * range are clamped; one that is not a number counts as 0.
 */
export function createFaceEncoder(config: MotionConfig, options: FaceEncoderOptions = {}): MotionEncoder {
  return new FaceEncoder(config, options);
}

class FaceEncoder implements MotionEncoder {
  readonly config: MotionConfig;
  readonly reconstruction: MotionFrame;
  lastWasKey = false;
  readonly #keyInterval: number;
  readonly #coder: FrameCoder;
  readonly #symbols: Quantising;
  readonly #scratch = new Uint8Array(MAX_UNIT_BYTES);
  #sinceKey = 0;
  /** No face since a key that had none. */
  #atRest = false;

  constructor(config: MotionConfig, { keyInterval = DEFAULT_KEY_INTERVAL, model }: FaceEncoderOptions) {
    const settings = faceSettings(config);
    if (!Number.isInteger(keyInterval) || keyInterval < 1) throw invalid(`keyInterval ${keyInterval} is not 1 or more`);
    this.config = config;
    this.#keyInterval = keyInterval;
    this.#coder = new FrameCoder(settings, model ?? builtInModel(settings.profile));
    this.#symbols = new Quantising(settings.extras, settings.unmerged);
    this.reconstruction = { face: false, values: new Float32Array(config.channels) };
  }

  encode(frame: MotionFrame, options: EncodeOptions = {}): EncodedUnit {
    const length = this.encodeInto(frame, this.#scratch, options.key);
    return { key: this.lastWasKey, data: this.#scratch.slice(0, length) };
  }

  encodeInto(frame: MotionFrame, out: Uint8Array, forceKey = false): number {
    if (frame.face && frame.values.length !== this.config.channels) {
      throw invalid(`a frame of ${frame.values.length} values, the config says ${this.config.channels}`);
    }
    if (out.length < MAX_UNIT_BYTES) throw invalid(`out of ${out.length} bytes is under ${MAX_UNIT_BYTES}`);
    const coder = this.#coder;
    // A face that comes back after a key without one would be coded against rest: a key is shorter.
    const key = forceKey || this.#sinceKey % this.#keyInterval === 0 || (frame.face && this.#atRest);
    this.#sinceKey = key ? 1 : this.#sinceKey + 1;
    this.#symbols.begin(frame, coder, out);
    coder.code(key, this.#symbols);
    coder.keep(key);
    this.#atRest = key ? !frame.face : this.#atRest && !frame.face;
    this.lastWasKey = key;
    writeFrame(coder.frame, coder.quantiser, this.reconstruction);
    return this.#symbols.finish();
  }
}

/**
 * Chooses residuals that are cheap for what they spoil: of the nearest, its neighbour, no change and the predicted one, all
 * within a step, the least squared error plus rate. In 1/256 step and integers, so that every platform writes the same bytes.
 */
class Quantising implements SymbolCoder {
  readonly #range = new RangeEncoder();
  readonly #values = new Int32Array(CODED);
  readonly #overlaps = new Int32Array(MERGED.length);
  /** Coded channels of which only the nearest value is good: their error adds to that of an overlap. */
  readonly #exact = new Uint8Array(CODED);
  readonly #extras: Int32Array;
  readonly #unmerged: boolean;
  #face = false;

  constructor(extras: number, unmerged: boolean) {
    this.#extras = new Int32Array(extras);
    this.#unmerged = unmerged;
  }

  begin(frame: MotionFrame, { quantiser }: FrameCoder, out: Uint8Array): void {
    this.#range.begin(out);
    this.#face = frame.face;
    if (!frame.face) return;
    const { step, low, high, extraStep, extraHigh } = quantiser;
    const source = frame.values;
    for (let c = 0; c < CODED; c++) {
      const value = inSteps(source[PLUS[c]!]!, step[c]!, MINUS[c]! < 0 ? low[c]! : 0, high[c]!);
      const minus = MINUS[c]! < 0 ? 0 : inSteps(source[MINUS[c]!]!, step[c]!, 0, high[c]!);
      this.#values[c] = Math.round((value - minus) * ONE);
    }
    for (let i = 0; this.#unmerged && i < MERGED.length; i++) {
      const c = MERGED[i]!;
      const plus = inSteps(source[PLUS[c]!]!, step[c]!, 0, high[c]!);
      const both = Math.round(Math.min(plus, inSteps(source[MINUS[c]!]!, step[c]!, 0, high[c]!)) * ONE);
      this.#exact[c] = both > 0 ? 1 : 0;
      // Half of the difference's error, so that both channels share it; and neither is rounded out of the range.
      const error = Math.abs(this.#values[c]!) - Math.abs(nearest(this.#values[c]!)) * ONE;
      this.#overlaps[i] = both > 0 ? both + (error >> 1) : 0;
    }
    for (let i = 0; i < this.#extras.length; i++) {
      this.#extras[i] = Math.round(inSteps(source[EXTRAS_FROM + i]!, extraStep, -extraHigh, extraHigh) * ONE);
    }
  }

  finish(): number {
    return this.#range.finish();
  }

  face(yes: number): boolean {
    if (this.#face) this.#range.encode(0, yes);
    else this.#range.encode(yes, TOTAL - yes);
    return this.#face;
  }

  value(channel: number, reference: number, distribution: Distribution): number {
    const wanted = this.#values[channel]! - reference * ONE;
    return this.#exact[channel] === 1 ? this.#write(nearest(wanted), distribution) : this.#choose(wanted, distribution);
  }

  overlap(index: number, reference: number, distribution: Distribution): number {
    return this.#write(nearest(this.#overlaps[index]! - reference * ONE), distribution);
  }

  extra(index: number, reference: number, distribution: Distribution): number {
    return this.#choose(this.#extras[index]! - reference * ONE, distribution);
  }

  #choose(wanted: number, distribution: Distribution): number {
    const near = nearest(wanted);
    const error = wanted - near * ONE;
    let best = near;
    let least = error * error + RATE_WEIGHT * distribution.cost(near);
    const other = error > 0 ? near + 1 : near - 1;
    const predicted = distribution.nearest;
    least = this.#try(other, wanted, distribution, least);
    if (least < 0) {
      least = -least;
      best = other;
    }
    if (near !== 0 && other !== 0) {
      least = this.#try(0, wanted, distribution, least);
      if (least < 0) {
        least = -least;
        best = 0;
      }
    }
    if (predicted !== 0 && predicted !== near && predicted !== other) {
      least = this.#try(predicted, wanted, distribution, least);
      if (least < 0) best = predicted;
    }
    return this.#write(best, distribution);
  }

  /** `least` as it was, or less and negated if the candidate is better. */
  #try(candidate: number, wanted: number, distribution: Distribution, least: number): number {
    const error = wanted - candidate * ONE;
    const distortion = error * error;
    if (error >= ONE || error <= -ONE || distortion >= least || !distribution.holds(candidate)) return least;
    const score = distortion + RATE_WEIGHT * distribution.cost(candidate);
    return score < least ? -score : least;
  }

  #write(residual: number, distribution: Distribution): number {
    const below = distribution.below(residual);
    this.#range.encode(below, distribution.below(residual + 1) - below);
    return residual;
  }
}

function nearest(wanted: number): number {
  return (wanted + ONE / 2) >> 8;
}

/** A channel's value in steps, inside its range; 0 for what is not a number. */
function inSteps(value: number, step: number, low: number, high: number): number {
  if (Number.isNaN(value)) return 0;
  const steps = value / step;
  return steps < low ? low : steps > high ? high : steps;
}

function invalid(message: string): HayateError {
  return new HayateError('invalid_argument', message);
}
