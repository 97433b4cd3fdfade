import { Distribution } from './distribution.ts';
import type { History } from './history.ts';
import { CODED, type Quantiser } from './layout.ts';
import {
  CAUSAL,
  type ChainTables,
  type CommonTables,
  DENSE,
  GLOBAL,
  HEADS,
  HIDDEN,
  type KeyTables,
  OUTPUTS,
} from './model.ts';
import { ACTIVITY, LOG } from './tables/common.ts';

/** Greatest sizes that the model sees; what lies beyond counts as this. */
const VELOCITY_LIMIT = 31;
const CHAIN_LIMIT = 63;
const KEY_LIMIT = 255;
const HIDDEN_LIMIT = 960;

const ROUND_MEAN = 1 << 7;
const SCALE_OFFSET = (3 << 14) + (1 << 10);
const SAME_OFFSET = (8 << 14) + (1 << 10);

const LOGS = Int32Array.from(LOG);
const ACTIVITIES = Int32Array.from(ACTIVITY);

/** Predicts the channels of a frame in their order: `begin`, then for each channel `select` and `push`. */
export abstract class Predictor {
  protected readonly distribution: Distribution;
  /** Outputs so far, in 1/16384. */
  protected readonly outputs = new Int32Array(OUTPUTS);
  protected readonly cross: Int16Array;
  /** What residuals are against: zeros in a key. */
  readonly reference: Int32Array;
  readonly #low: Int32Array;
  readonly #high: Int32Array;

  protected constructor(tables: CommonTables, quantiser: Quantiser, reference: Int32Array) {
    this.distribution = new Distribution(tables.mix);
    this.cross = tables.cross;
    this.reference = reference;
    this.#low = quantiser.low;
    this.#high = quantiser.high;
  }

  /** The distribution of channel `c`, once every channel before was pushed. */
  select(c: number): Distribution {
    const mean = (this.outputs[c]! + ROUND_MEAN) >> 8;
    const scale = clamp((this.outputs[CODED + c]! + SCALE_OFFSET) >> 11, 64);
    const same = clamp((this.outputs[2 * CODED + c]! + SAME_OFFSET) >> 11, 128);
    const reference = this.reference[c]!;
    this.distribution.set(mean, scale, same, this.#low[c]! - reference, this.#high[c]! - reference);
    return this.distribution;
  }

  /** Tells the residual of channel `c`. */
  abstract push(c: number, residual: number): void;

  protected pushCross(c: number, residual: number, logarithm: number): void {
    const { outputs, cross } = this;
    const row = c * OUTPUTS;
    const scaled = residual * 16;
    for (let i = c + 1; i < CODED; i++) {
      outputs[i] = (outputs[i]! + Math.imul(scaled, cross[row + i]!)) | 0;
      outputs[CODED + i] = (outputs[CODED + i]! + Math.imul(logarithm, cross[row + CODED + i]!)) | 0;
      outputs[2 * CODED + i] = (outputs[2 * CODED + i]! + Math.imul(logarithm, cross[row + 2 * CODED + i]!)) | 0;
    }
  }
}

/** A key's residuals are its values. */
export class KeyPredictor extends Predictor {
  readonly #tables: KeyTables;
  readonly #hidden = new Int32Array(CAUSAL);
  /** Units of the causal layer that have spoken. */
  #spoken = 0;

  constructor(tables: KeyTables, quantiser: Quantiser) {
    super(tables, quantiser, new Int32Array(CODED));
    this.#tables = tables;
  }

  begin(): void {
    this.outputs.set(this.#tables.bias);
    this.#hidden.set(this.#tables.causalBias);
    this.#spoken = 0;
    this.#speak(0);
  }

  override push(c: number, residual: number): void {
    if (residual !== 0) {
      const limited = limit(residual, KEY_LIMIT);
      const logarithm = LOGS[limited < 0 ? -limited : limited]!;
      this.pushCross(c, limited, logarithm);
      const signed = limited < 0 ? -logarithm : logarithm;
      const { causalInput } = this.#tables;
      const row = c * 2 * CAUSAL;
      const hidden = this.#hidden;
      for (let k = this.#spoken; k < CAUSAL; k++) {
        hidden[k] =
          (hidden[k]! +
            Math.imul(signed, causalInput[row + k]!) +
            Math.imul(logarithm, causalInput[row + CAUSAL + k]!)) |
          0;
      }
    }
    this.#speak(c + 1);
  }

  /** Units that have seen all they may before channel `next`. */
  #speak(next: number): void {
    const { stage, causalOutput } = this.#tables;
    const outputs = this.outputs;
    for (; this.#spoken < CAUSAL && stage[this.#spoken]! <= next; this.#spoken++) {
      const value = activate(this.#hidden[this.#spoken]!);
      if (value === 0) continue;
      const row = this.#spoken * OUTPUTS;
      for (let head = 0; head < HEADS; head++) {
        for (let i = head * CODED + next; i < (head + 1) * CODED; i++)
          outputs[i] = (outputs[i]! + Math.imul(value, causalOutput[row + i]!)) | 0;
      }
    }
  }
}

export class ChainPredictor extends Predictor {
  readonly #tables: ChainTables;
  readonly #history: History;
  readonly #hidden = new Int32Array(HIDDEN);
  /** Natural units of a step times 32, in 1/1024. */
  readonly #place: Int32Array;
  readonly #rate: number;

  /** `history.value` is the reference; `fps` nominal. */
  constructor(tables: ChainTables, quantiser: Quantiser, fps: number, history: History) {
    super(tables, quantiser, history.value);
    this.#tables = tables;
    this.#history = history;
    this.#place = Int32Array.from(quantiser.step, (step) => Math.round(step * 32 * 1024));
    this.#rate = rateFeature(fps);
  }

  begin(): void {
    this.outputs.set(this.#tables.bias);
    this.#hidden.set(this.#tables.inputBias);
    const { value, velocity, before, activity, length } = this.#history;
    for (let c = 0; c < CODED; c++) {
      const v1 = limit(velocity[c]!, VELOCITY_LIMIT);
      const v2 = limit(before[c]!, VELOCITY_LIMIT);
      const reference = value[c]!;
      const act = ACTIVITIES[activity[c]! >> 3]!;
      const place = (reference * this.#place[c]!) >> 10;
      if (v1 !== 0) {
        const size = LOGS[v1 < 0 ? -v1 : v1]!;
        this.#local(0, c, v1 * 16);
        this.#local(2, c, v1 < 0 ? -size : size);
        this.#local(3, c, size);
        this.#dense(c, v1 * 4);
        this.#dense(CODED + c, size);
      } else {
        this.#local(9, c, 16);
      }
      if (v2 !== 0) {
        this.#local(1, c, v2 * 16);
        this.#local(4, c, LOGS[v2 < 0 ? -v2 : v2]!);
      }
      if (act !== 0) {
        this.#local(5, c, act);
        this.#dense(2 * CODED + c, act);
      }
      if (reference !== 0) {
        this.#local(6, c, place);
        this.#local(8, c, LOGS[Math.min(reference < 0 ? -reference : reference, KEY_LIMIT)]!);
        this.#dense(3 * CODED + c, place);
      } else {
        this.#local(7, c, 16);
      }
    }
    if (this.#rate !== 0) this.#global(0, this.#rate);
    if (length === 0) this.#global(1, 16);
    if (length === 1) this.#global(2, 16);
    if (length >= 4) this.#global(3, 16);
    this.#speak();
  }

  override push(c: number, residual: number): void {
    if (residual === 0) return;
    const limited = limit(residual, CHAIN_LIMIT);
    this.pushCross(c, limited, LOGS[limited < 0 ? -limited : limited]!);
  }

  #local(feature: number, c: number, input: number): void {
    const { local } = this.#tables;
    const outputs = this.outputs;
    const row = feature * OUTPUTS;
    for (let i = c; i < OUTPUTS; i += CODED) outputs[i] = (outputs[i]! + Math.imul(input, local[row + i]!)) | 0;
  }

  #dense(feature: number, input: number): void {
    const table = this.#tables.input;
    const hidden = this.#hidden;
    const row = feature * HIDDEN;
    for (let k = 0; k < HIDDEN; k++) hidden[k] = (hidden[k]! + Math.imul(input, table[row + k]!)) | 0;
  }

  #global(feature: number, input: number): void {
    const table = this.#tables.global;
    const outputs = this.outputs;
    const row = feature * OUTPUTS;
    for (let i = 0; i < OUTPUTS; i++) outputs[i] = (outputs[i]! + Math.imul(input, table[row + i]!)) | 0;
    this.#dense(DENSE - GLOBAL + feature, input);
  }

  #speak(): void {
    const { output } = this.#tables;
    const outputs = this.outputs;
    for (let k = 0; k < HIDDEN; k++) {
      const value = activate(this.#hidden[k]!);
      if (value === 0) continue;
      const row = k * OUTPUTS;
      for (let i = 0; i < OUTPUTS; i++) outputs[i] = (outputs[i]! + Math.imul(value, output[row + i]!)) | 0;
    }
  }
}

/** Frame rate against 30, in 1/16 octave, of the nearest rate that the model was trained on. */
function rateFeature(fps: number): number {
  return fps < 26.8 ? -5 : fps < 37.9 ? 0 : fps < 53.7 ? 11 : 16;
}

function activate(sum: number): number {
  if (sum <= 0) return 0;
  const value = sum >> 10;
  return value > HIDDEN_LIMIT ? HIDDEN_LIMIT : value;
}

function limit(value: number, most: number): number {
  return value > most ? most : value < -most ? -most : value;
}

function clamp(index: number, most: number): number {
  return index < 0 ? 0 : index > most ? most : index;
}
