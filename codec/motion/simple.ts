import { HayateError } from '../errors.ts';
import { ARKIT_CHANNELS, BLENDSHAPE_COUNT, MAX_EXTRAS } from './channels.ts';
import { NibbleWriter, readCodes } from './residuals.ts';
import type { DecodeResult, EncodedUnit, MotionConfig, MotionDecoder, MotionEncoder, MotionFrame } from './types.ts';

export const SIMPLE_CODEC = 'simple-1';

const FACE = 0x01;
const CHAIN = 0x02;
const DEFAULT_KEY_INTERVAL = 8;
/** Float32 rounding on top of half a step. */
const ROUNDING = 1e-6;

export interface MotionEncoderOptions {
  /** Frames from key to key, 1 = each frame. Default 8. */
  keyInterval?: number;
}

interface Quantiser {
  step: number;
  min: number;
  max: number;
}

/** 0..1 by ARKit, up to 1.06 in real recordings; clamped at 1.252. */
const BLENDSHAPE: Quantiser = { step: 1 / 127, min: 0, max: 159 };
/** Clamped at 3.145 rad, just over half a turn. */
const ANGLE: Quantiser = { step: 0.005, min: -629, max: 629 };
const EXTRA: Quantiser = { step: 1 / 127, min: -127, max: 127 };

/** simple-1 for `fps` frames a second and the named extras. */
export function simpleConfig(fps: number, extras: readonly string[] = []): MotionConfig {
  const config: MotionConfig = { codec: SIMPLE_CODEC, fps, channels: ARKIT_CHANNELS.length + extras.length };
  if (extras.length > 0) config.extras = [...extras];
  checkConfig(config);
  return config;
}

function checkConfig(config: MotionConfig): void {
  const extras = config.extras?.length ?? 0;
  if (config.codec !== SIMPLE_CODEC) throw new HayateError('unsupported', `no motion codec is named ${config.codec}`);
  if (!(config.fps >= 1 && config.fps <= 120)) throw invalid(`fps ${config.fps} is not in 1..120`);
  if (extras > MAX_EXTRAS) throw invalid(`${extras} extras are over ${MAX_EXTRAS}`);
  if (config.channels !== ARKIT_CHANNELS.length + extras) {
    throw invalid(`channels ${config.channels} is not ${ARKIT_CHANNELS.length} + ${extras} extras`);
  }
}

function invalid(message: string): HayateError {
  return new HayateError('invalid_argument', message);
}

function quantiser(channel: number): Quantiser {
  if (channel < BLENDSHAPE_COUNT) return BLENDSHAPE;
  return channel < ARKIT_CHANNELS.length ? ANGLE : EXTRA;
}

/** Signed to unsigned: 0, -1, 1, -2, 2, ... */
function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function unzigzag(code: number): number {
  return (code & 1) === 0 ? code / 2 : -(code + 1) / 2;
}

/** Keys of never negative channels are written without a sign. */
function unsignedInKey(channel: number): boolean {
  return channel < BLENDSHAPE_COUNT;
}

/**
 * Throws HayateError `unsupported` for another codec, `invalid_argument` for a wrong config. Values outside a channel's
 * range are clamped (blendshapes 0..1.252, angles +-3.145 rad, extras -1..1); one that is not a number counts as 0.
 */
export function createMotionEncoder(config: MotionConfig, options: MotionEncoderOptions = {}): MotionEncoder {
  return new SimpleEncoder(config, options.keyInterval ?? DEFAULT_KEY_INTERVAL);
}

/** Throws as `createMotionEncoder`. */
export function createMotionDecoder(config: MotionConfig): MotionDecoder {
  return new SimpleDecoder(config);
}

class SimpleEncoder implements MotionEncoder {
  readonly config: MotionConfig;
  readonly #keyInterval: number;
  readonly #reference: Int32Array;
  readonly #scratch: Uint8Array;
  #sinceKey = 0;

  constructor(config: MotionConfig, keyInterval: number) {
    checkConfig(config);
    if (!Number.isInteger(keyInterval) || keyInterval < 1) throw invalid(`keyInterval ${keyInterval} is not 1 or more`);
    this.config = config;
    this.#keyInterval = keyInterval;
    this.#reference = new Int32Array(config.channels);
    // Five nibbles are the longest code.
    this.#scratch = new Uint8Array(2 + Math.ceil(config.channels * 2.5));
  }

  encode(frame: MotionFrame, options: { key?: boolean } = {}): EncodedUnit {
    const channels = this.config.channels;
    if (frame.face && frame.values.length !== channels) {
      throw invalid(`a frame of ${frame.values.length} values, the config says ${channels}`);
    }
    const key = options.key === true || this.#sinceKey % this.#keyInterval === 0;
    this.#sinceKey = key ? 1 : this.#sinceKey + 1;
    if (key) this.#reference.fill(0);
    this.#scratch[0] = (frame.face ? FACE : 0) | (key ? 0 : CHAIN);
    const end = frame.face ? this.#encodeValues(frame.values, key) : 1;
    return { key, data: this.#scratch.slice(0, end) };
  }

  #encodeValues(values: Float32Array, key: boolean): number {
    const writer = new NibbleWriter(this.#scratch, 1);
    let zeros = 0;
    for (let channel = 0; channel < values.length; channel++) {
      const { step, min, max } = quantiser(channel);
      const wanted = Math.round(values[channel]! / step);
      const value = Number.isNaN(wanted) ? 0 : Math.max(min, Math.min(max, wanted));
      const residual = value - this.#reference[channel]!;
      this.#reference[channel] = value;
      if (residual === 0) {
        zeros++;
        continue;
      }
      writer.zeros(zeros);
      zeros = 0;
      writer.code(key && unsignedInKey(channel) ? residual : zigzag(residual));
    }
    // Zeros up to the last channel are not written.
    return writer.end;
  }
}

class SimpleDecoder implements MotionDecoder {
  readonly config: MotionConfig;
  readonly tolerance: Float32Array;
  readonly #reference: Int32Array;
  readonly #codes: Int32Array;
  readonly #frame: MotionFrame;
  #expected: number | undefined;

  constructor(config: MotionConfig) {
    checkConfig(config);
    this.config = config;
    this.tolerance = new Float32Array(config.channels);
    for (let channel = 0; channel < config.channels; channel++) {
      this.tolerance[channel] = quantiser(channel).step / 2 + ROUNDING;
    }
    this.#reference = new Int32Array(config.channels);
    this.#codes = new Int32Array(config.channels);
    this.#frame = { face: false, values: new Float32Array(config.channels) };
  }

  decode(sequence: number, key: boolean, data: Uint8Array): DecodeResult {
    const reason = this.#read(key, data);
    if (reason !== undefined) return { kind: 'malformed', reason };
    if (!key && this.#expected !== sequence >>> 0) return { kind: 'waiting_for_key' };
    const overrun = this.#apply(key, (data[0]! & FACE) !== 0);
    if (overrun !== undefined) return { kind: 'malformed', reason: overrun };
    this.#expected = (sequence + 1) >>> 0;
    return { kind: 'exact', frame: this.#frame };
  }

  reset(): void {
    this.#expected = undefined;
  }

  /** Reads the residuals into `#codes`; touches nothing else. */
  #read(key: boolean, data: Uint8Array): string | undefined {
    if (data.length === 0) return 'empty';
    const head = data[0]!;
    if ((head & ~(FACE | CHAIN)) !== 0) return 'reserved bit';
    if (((head & CHAIN) === 0) !== key) return 'the unit and its bundle differ on key';
    if ((head & FACE) === 0) return data.length === 1 ? undefined : 'bytes after a unit without a face';
    return readCodes(data, 1, this.#codes);
  }

  /** Moves the reference on; a value outside its channel's range is malformed and leaves everything as it was. */
  #apply(key: boolean, face: boolean): string | undefined {
    const codes = this.#codes;
    if (face) {
      for (let channel = 0; channel < codes.length; channel++) {
        const code = codes[channel]!;
        const residual = key && unsignedInKey(channel) ? code : unzigzag(code);
        const value = residual + (key ? 0 : this.#reference[channel]!);
        const { min, max } = quantiser(channel);
        if (value < min || value > max) return 'value out of range';
        codes[channel] = value;
      }
      for (let channel = 0; channel < codes.length; channel++) {
        this.#reference[channel] = codes[channel]!;
        this.#frame.values[channel] = codes[channel]! * quantiser(channel).step;
      }
    } else if (key) {
      this.#reference.fill(0);
    }
    this.#frame.face = face;
    return undefined;
  }
}
