import { HayateError } from '../../errors.ts';
import { CODED } from './layout.ts';

/** Units of the layer that sees the frames before, and of the one that sees the channels before. */
export const HIDDEN = 32;
export const CAUSAL = 48;
/** Features of a channel itself, of the whole frame, and of all that the hidden layer sees. */
const LOCAL = 10;
export const GLOBAL = 4;
export const DENSE = 4 * CODED + GLOBAL;
/** Mean, log-scale, and the logit that nothing changed. */
export const HEADS = 3;
export const OUTPUTS = HEADS * CODED;

/** Points of half a distribution: 32 scales, 16 a scale. */
export const MIX_POINTS = 512;
/** Tables hold multiples of 1/128; the arithmetic is in 1/1024. */
const GRID_SHIFT = 3;

/** Tables of one kind of unit. Weights in 1/1024, biases in 1/16384; outputs are head by head. */
export interface CommonTables {
  /** Distribution function over distance in scales, from 0: 2^14..2^15. */
  readonly mix: Int32Array;
  readonly bias: Int32Array;
  /** From the channel of the first index to each output; zero for itself and those before. */
  readonly cross: Int16Array;
}

export interface ChainTables extends CommonTables {
  readonly local: Int16Array;
  readonly global: Int16Array;
  readonly input: Int16Array;
  readonly inputBias: Int32Array;
  readonly output: Int16Array;
}

export interface KeyTables extends CommonTables {
  /** Unit k sees the channels before `stage[k]` and speaks to the others. */
  readonly stage: Int32Array;
  readonly causalBias: Int32Array;
  /** From the channel of the first index: signed logarithm, then its size. */
  readonly causalInput: Int16Array;
  readonly causalOutput: Int16Array;
}

export interface FaceModel {
  readonly key: KeyTables;
  readonly chain: ChainTables;
}

/** Reads tables as codec/motion/train writes them. Throws HayateError `invalid_argument`. */
export function loadFaceModel(base64: string): FaceModel {
  const reader = new TableReader(bytesOf(base64));
  const keyCommon = readCommon(reader);
  const stage = Int32Array.from({ length: CAUSAL }, (_, k) => Math.floor(((k + 1) * CODED) / (CAUSAL + 1)));
  const causalBias = reader.biases(CAUSAL);
  const causalInput = new Int16Array(CODED * 2 * CAUSAL);
  for (let j = 0; j < CODED; j++) {
    for (let part = 0; part < 2; part++) {
      for (let k = 0; k < CAUSAL; k++) {
        if (j < stage[k]!) causalInput[(j * 2 + part) * CAUSAL + k] = reader.weight();
      }
    }
  }
  const causalOutput = new Int16Array(CAUSAL * OUTPUTS);
  for (let k = 0; k < CAUSAL; k++) {
    for (let head = 0; head < HEADS; head++) {
      for (let c = stage[k]!; c < CODED; c++) causalOutput[k * OUTPUTS + head * CODED + c] = reader.weight();
    }
  }
  const key = { ...keyCommon, stage, causalBias, causalInput, causalOutput };
  const chain = {
    ...readCommon(reader),
    local: reader.weights(LOCAL * OUTPUTS),
    global: reader.weights(GLOBAL * OUTPUTS),
    input: reader.weights(DENSE * HIDDEN),
    inputBias: reader.biases(HIDDEN),
    output: reader.weights(HIDDEN * OUTPUTS),
  };
  reader.end();
  return { key, chain };
}

function readCommon(reader: TableReader): CommonTables {
  const mix = new Int32Array(MIX_POINTS + 1);
  mix[0] = 2 ** 14;
  for (let i = 1; i <= MIX_POINTS; i++) {
    mix[i] = mix[i - 1]! + reader.number();
    if (mix[i]! < mix[i - 1]!) throw invalid('a distribution of the face model falls');
  }
  if (mix[MIX_POINTS] !== 2 ** 15) throw invalid('a distribution of the face model does not end at 1');
  const bias = reader.biases(OUTPUTS);
  const cross = new Int16Array(CODED * OUTPUTS);
  for (let j = 0; j < CODED; j++) {
    for (let head = 0; head < HEADS; head++) {
      for (let c = j + 1; c < CODED; c++) cross[j * OUTPUTS + head * CODED + c] = reader.weight();
    }
  }
  return { mix, bias, cross };
}

function bytesOf(base64: string): string {
  try {
    return atob(base64);
  } catch (cause) {
    throw new HayateError('invalid_argument', 'the tables of the face model are not base64', { cause });
  }
}

/** Zigzag varints, least significant seven bits first. */
class TableReader {
  readonly #bytes: string;
  #at = 0;

  constructor(bytes: string) {
    this.#bytes = bytes;
  }

  number(): number {
    let code = 0;
    for (let scale = 1; ; scale *= 128) {
      if (this.#at >= this.#bytes.length) throw invalid('the tables of the face model end early');
      const byte = this.#bytes.charCodeAt(this.#at++);
      if (scale > 128 ** 3) throw invalid('a number of the face model is over 28 bits');
      code += (byte & 127) * scale;
      if (byte < 128) return code % 2 === 0 ? code / 2 : -(code + 1) / 2;
    }
  }

  weight(): number {
    return this.number() << GRID_SHIFT;
  }

  weights(count: number): Int16Array {
    return new Int16Array(count).map(() => this.weight());
  }

  biases(count: number): Int32Array {
    return new Int32Array(count).map(() => this.number());
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw invalid('bytes after the tables of the face model');
  }
}

function invalid(message: string): HayateError {
  return new HayateError('invalid_argument', message);
}
