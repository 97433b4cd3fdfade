import type { DecodeResult, MotionConfig, MotionDecoder, MotionFrame } from '../types.ts';
import { faceSettings, stepsOf } from './config.ts';
import type { Distribution } from './distribution.ts';
import { FrameCoder, type SymbolCoder } from './frame-coder.ts';
import type { FaceModel } from './model.ts';
import { builtInModel } from './models.ts';
import { limitsOf, writeFrame } from './pose.ts';
import { RangeDecoder, RangeEncoder, TOTAL } from './range-coder.ts';
import { MAX_UNIT_BYTES } from './unit.ts';

/** Chain units that wait for a predecessor; half a second at 60 fps. */
export const MAX_WAITING = 32;
/** Frames ahead of the last decoded one from which on nothing waits: only a key bridges such a gap. */
export const MAX_REACH = 64;
/** Share of a velocity that is left a frame later, in a concealed pose. */
const DAMPING = 0.5;
/** Float32 rounding on top of a step. */
const ROUNDING = 1e-6;

export interface FaceDecoderOptions {
  /** Default: the built-in one of the profile. It must be the encoder's. */
  model?: FaceModel;
}

/** Throws as `createFaceEncoder`. Holds about 12 kB, whatever comes. */
export function createFaceDecoder(config: MotionConfig, options: FaceDecoderOptions = {}): MotionDecoder {
  return new FaceDecoder(config, options);
}

class FaceDecoder implements MotionDecoder {
  readonly config: MotionConfig;
  readonly tolerance: Float32Array;
  readonly #coder: FrameCoder;
  readonly #symbols = new Reading();
  readonly #waiting = new WaitingUnits();
  readonly #frame: MotionFrame;
  /** The pose one frame before `#frame`, for the velocity of a concealed one. */
  readonly #before: Float32Array;
  readonly #concealed: MotionFrame;
  readonly #limits: { low: Float32Array; high: Float32Array };
  /** Whether `#frame` follows `#before` by one frame. */
  #moving = false;
  #last: number | undefined;
  #newest: number | undefined;

  readonly #exact: Extract<DecodeResult, { kind: 'exact' }>;
  readonly #lateUsed: Extract<DecodeResult, { kind: 'late_used' }>;
  readonly #guess: Extract<DecodeResult, { kind: 'concealed' }>;
  readonly #stale: Extract<DecodeResult, { kind: 'stale' }> = { kind: 'stale', sequence: 0 };
  readonly #wait: Extract<DecodeResult, { kind: 'waiting_for_key' }> = { kind: 'waiting_for_key', sequence: 0 };
  readonly #malformed: Extract<DecodeResult, { kind: 'malformed' }> = { kind: 'malformed', sequence: 0, reason: '' };

  constructor(config: MotionConfig, { model }: FaceDecoderOptions) {
    const settings = faceSettings(config);
    this.config = config;
    this.#coder = new FrameCoder(settings, model ?? builtInModel(settings.profile));
    this.tolerance = stepsOf(config).map((step) => step + ROUNDING);
    this.#frame = { face: false, values: new Float32Array(config.channels) };
    this.#before = new Float32Array(config.channels);
    this.#concealed = { face: false, values: new Float32Array(config.channels) };
    this.#limits = limitsOf(this.#coder.quantiser, config.channels);
    this.#exact = { kind: 'exact', sequence: 0, frame: this.#frame };
    this.#lateUsed = { kind: 'late_used', sequence: 0, frame: this.#frame };
    this.#guess = { kind: 'concealed', sequence: 0, frame: this.#concealed };
  }

  decode(sequence: number, key: boolean, data: Uint8Array): DecodeResult {
    sequence >>>= 0;
    if (data.length > MAX_UNIT_BYTES) return this.#refuse(sequence, `over ${MAX_UNIT_BYTES} bytes`);
    if (this.#last !== undefined && after(sequence, this.#last) <= 0) {
      this.#stale.sequence = sequence;
      return this.#stale;
    }
    if (key || (this.#last !== undefined && after(sequence, this.#last) === 1)) return this.#read(sequence, key, data);
    if (this.#last === undefined || after(sequence, this.#last) <= MAX_REACH) {
      this.#see(sequence);
      this.#waiting.add(sequence, data);
    }
    return this.#mustWait(sequence);
  }

  next(): DecodeResult | undefined {
    if (this.#last === undefined || this.#waiting.count === 0) return undefined;
    const sequence = (this.#last + 1) >>> 0;
    const data = this.#waiting.take(sequence);
    return data === undefined ? undefined : this.#read(sequence, false, data);
  }

  conceal(sequence: number): DecodeResult {
    sequence >>>= 0;
    if (this.#last === undefined) return this.#mustWait(sequence);
    const ahead = after(sequence, this.#last);
    if (ahead <= 0) {
      this.#stale.sequence = sequence;
      return this.#stale;
    }
    // The sum of a velocity that halves with each frame.
    const reach = this.#moving ? (DAMPING * (1 - DAMPING ** ahead)) / (1 - DAMPING) : 0;
    const { values } = this.#frame;
    const { low, high } = this.#limits;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]! + (values[i]! - this.#before[i]!) * reach;
      this.#concealed.values[i] = Math.max(low[i]!, Math.min(high[i]!, value));
    }
    this.#concealed.face = this.#frame.face;
    this.#guess.sequence = sequence;
    return this.#guess;
  }

  reset(): void {
    this.#last = undefined;
    this.#newest = undefined;
    this.#moving = false;
    this.#waiting.clear();
  }

  #read(sequence: number, key: boolean, data: Uint8Array): DecodeResult {
    const coder = this.#coder;
    this.#symbols.begin(data);
    coder.code(key, this.#symbols);
    // Every frame has one spelling: bytes that an encoder would not write are not a frame.
    if (!this.#symbols.canonical(data)) return this.#refuse(sequence, 'not the bytes of any frame');
    coder.keep(key);
    this.#see(sequence);
    this.#moving = this.#last !== undefined && after(sequence, this.#last) === 1 && this.#frame.face;
    this.#before.set(this.#frame.values);
    writeFrame(coder.frame, coder.quantiser, this.#frame);
    this.#moving &&= this.#frame.face;
    this.#last = sequence;
    if (this.#waiting.count > 0) this.#waiting.forget(sequence);
    const result = sequence === this.#newest ? this.#exact : this.#lateUsed;
    result.sequence = sequence;
    return result;
  }

  #see(sequence: number): void {
    if (this.#newest === undefined || after(sequence, this.#newest) > 0) this.#newest = sequence;
  }

  #mustWait(sequence: number): DecodeResult {
    this.#wait.sequence = sequence;
    return this.#wait;
  }

  #refuse(sequence: number, reason: string): DecodeResult {
    this.#malformed.sequence = sequence;
    this.#malformed.reason = reason;
    return this.#malformed;
  }
}

/** Reads symbols, and writes them again beside: what comes out must be what came in. */
class Reading implements SymbolCoder {
  readonly #range = new RangeDecoder();
  readonly #mirror = new RangeEncoder();
  readonly #spelling = new Uint8Array(MAX_UNIT_BYTES);

  begin(data: Uint8Array): void {
    this.#range.begin(data);
    this.#mirror.begin(this.#spelling);
  }

  canonical(data: Uint8Array): boolean {
    if (this.#mirror.finish() !== data.length) return false;
    for (let i = 0; i < data.length; i++) if (this.#spelling[i] !== data[i]) return false;
    return true;
  }

  face(yes: number): boolean {
    const face = this.#range.target() < yes;
    if (face) this.#take(0, yes);
    else this.#take(yes, TOTAL - yes);
    return face;
  }

  value(_channel: number, _reference: number, distribution: Distribution): number {
    return this.#symbol(distribution);
  }

  overlap(_index: number, _reference: number, distribution: Distribution): number {
    return this.#symbol(distribution);
  }

  extra(_index: number, _reference: number, distribution: Distribution): number {
    return this.#symbol(distribution);
  }

  #symbol(distribution: Distribution): number {
    const residual = distribution.find(this.#range.target());
    const below = distribution.below(residual);
    this.#take(below, distribution.below(residual + 1) - below);
    return residual;
  }

  #take(below: number, frequency: number): void {
    this.#range.take(below, frequency);
    this.#mirror.encode(below, frequency);
  }
}

/** Copies of chain units by sequence, MAX_WAITING at most: the oldest goes first. */
class WaitingUnits {
  count = 0;
  readonly #sequences = new Uint32Array(MAX_WAITING);
  readonly #lengths = new Int32Array(MAX_WAITING).fill(-1);
  readonly #bytes = Array.from({ length: MAX_WAITING }, () => new Uint8Array(MAX_UNIT_BYTES));

  add(sequence: number, data: Uint8Array): void {
    if (this.#find(sequence) !== -1) return;
    let place = this.#lengths.indexOf(-1);
    if (place === -1) {
      place = 0;
      for (let i = 1; i < MAX_WAITING; i++) {
        if (after(this.#sequences[i]!, this.#sequences[place]!) < 0) place = i;
      }
      if (after(sequence, this.#sequences[place]!) < 0) return;
    } else {
      this.count++;
    }
    this.#sequences[place] = sequence;
    this.#lengths[place] = data.length;
    this.#bytes[place]!.set(data);
  }

  /** The unit, valid until the next `add`. */
  take(sequence: number): Uint8Array | undefined {
    const place = this.#find(sequence);
    if (place === -1) return undefined;
    const length = this.#lengths[place]!;
    this.#drop(place);
    return this.#bytes[place]!.subarray(0, length);
  }

  /** Drops what is not after `sequence`. */
  forget(sequence: number): void {
    for (let i = 0; i < MAX_WAITING; i++) {
      if (this.#lengths[i] !== -1 && after(this.#sequences[i]!, sequence) <= 0) this.#drop(i);
    }
  }

  clear(): void {
    this.#lengths.fill(-1);
    this.count = 0;
  }

  #find(sequence: number): number {
    for (let i = 0; i < MAX_WAITING; i++) {
      if (this.#lengths[i] !== -1 && this.#sequences[i] === sequence) return i;
    }
    return -1;
  }

  #drop(place: number): void {
    this.#lengths[place] = -1;
    this.count--;
  }
}

/** Frames from `other` to `sequence`, modulo 2^32. */
function after(sequence: number, other: number): number {
  return (sequence - other) | 0;
}
