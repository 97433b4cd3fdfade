import type { FaceSettings } from './config.ts';
import { Distribution } from './distribution.ts';
import { History } from './history.ts';
import { CODED, MERGED, QUANTISERS, type Quantiser } from './layout.ts';
import type { FaceModel } from './model.ts';
import { ChainPredictor, KeyPredictor, type Predictor } from './predictor.ts';

/** A frame in steps: what units carry. */
export interface QuantisedFrame {
  face: boolean;
  /** By coded channel. */
  readonly values: Int32Array;
  /** What both of a merged pair have in common, in the order of MERGED; zeros in the merged mode. */
  readonly overlaps: Int32Array;
  readonly extras: Int32Array;
}

/** Decides or reads each symbol of a frame: the only difference between an encoder and a decoder. */
export interface SymbolCoder {
  /** Whether there is a face; `yes` is the frequency of that, and stands first. */
  face(yes: number): boolean;
  /** Residual of a coded channel against `reference`. */
  value(channel: number, reference: number, distribution: Distribution): number;
  overlap(index: number, reference: number, distribution: Distribution): number;
  extra(index: number, reference: number, distribution: Distribution): number;
}

/** Of TOTAL: a face in a key; after a face; after none. */
const FACE_IN_KEY = 65_024;
const FACE_AGAIN = 65_472;
const FACE_BACK = 8_192;

/** Scale and peak (as the model's indices) of overlaps and extras, by the size of the last change: 0, 1, 2..3, over. */
const SIDE_SCALE = [16, 24, 30, 40];
const SIDE_SAME = [104, 64, 52, 40];
const SIDE_KEY_SCALE = 48;
const SIDE_KEY_SAME = 68;

/** A track outside the model: overlaps and extras, each by itself. */
class SideTrack {
  readonly value: Int32Array;
  readonly velocity: Int32Array;

  constructor(count: number) {
    this.value = new Int32Array(count);
    this.velocity = new Int32Array(count);
  }

  restart(values: Int32Array): void {
    this.value.set(values);
    this.velocity.fill(0);
  }

  push(values: Int32Array): void {
    for (let i = 0; i < values.length; i++) {
      this.velocity[i] = values[i]! - this.value[i]!;
      this.value[i] = values[i]!;
    }
  }
}

/**
 * The order of a unit's symbols and the state from unit to unit, the same for both directions. One frame at a time:
 * `code` asks the symbol coder for every symbol and fills `frame`; `keep` makes it the reference of the next.
 */
export class FrameCoder {
  readonly quantiser: Quantiser;
  readonly frame: QuantisedFrame;
  readonly #unmerged: boolean;
  readonly #history = new History();
  readonly #key: KeyPredictor;
  readonly #chain: ChainPredictor;
  readonly #keySide: Distribution;
  readonly #chainSide: Distribution;
  readonly #overlaps: SideTrack;
  readonly #extras: SideTrack;
  #face = false;

  constructor(settings: FaceSettings, model: FaceModel) {
    this.quantiser = QUANTISERS[settings.profile];
    this.#unmerged = settings.unmerged;
    this.#key = new KeyPredictor(model.key, this.quantiser);
    this.#chain = new ChainPredictor(model.chain, this.quantiser, settings.fps, this.#history);
    this.#keySide = new Distribution(model.key.mix);
    this.#chainSide = new Distribution(model.chain.mix);
    this.#overlaps = new SideTrack(MERGED.length);
    this.#extras = new SideTrack(settings.extras);
    this.frame = {
      face: false,
      values: new Int32Array(CODED),
      overlaps: new Int32Array(MERGED.length),
      extras: new Int32Array(settings.extras),
    };
  }

  /** Whether the last kept unit had a face. */
  get face(): boolean {
    return this.#face;
  }

  /** Codes one unit into `frame`; state stays until `keep`. Without a face `frame` holds the pose before, or rest. */
  code(key: boolean, coder: SymbolCoder): void {
    const frame = this.frame;
    frame.face = coder.face(key ? FACE_IN_KEY : this.#face ? FACE_AGAIN : FACE_BACK);
    if (!frame.face) {
      if (key) {
        frame.values.fill(0);
        frame.overlaps.fill(0);
        frame.extras.fill(0);
      } else {
        frame.values.set(this.#history.value);
        frame.overlaps.set(this.#overlaps.value);
        frame.extras.set(this.#extras.value);
      }
      return;
    }
    if (key) {
      this.#key.begin();
      this.#values(this.#key, coder);
    } else {
      this.#chain.begin();
      this.#values(this.#chain, coder);
    }
    const { extraHigh, high } = this.quantiser;
    if (this.#unmerged) {
      for (let i = 0; i < MERGED.length; i++) {
        const c = MERGED[i]!;
        // What is left of the range over the difference: neither of the pair leaves it.
        const most = high[c]! - Math.abs(frame.values[c]!);
        const reference = key ? 0 : Math.min(this.#overlaps.value[i]!, most);
        const distribution = this.#side(this.#overlaps.velocity[i]!, key, -reference, most - reference);
        frame.overlaps[i] = reference + coder.overlap(i, reference, distribution);
      }
    }
    for (let i = 0; i < frame.extras.length; i++) {
      const reference = key ? 0 : this.#extras.value[i]!;
      const distribution = this.#side(this.#extras.velocity[i]!, key, -extraHigh - reference, extraHigh - reference);
      frame.extras[i] = reference + coder.extra(i, reference, distribution);
    }
  }

  /** Makes the frame just coded the state that the next unit builds on. */
  keep(key: boolean): void {
    const { face, values, overlaps, extras } = this.frame;
    this.#face = face;
    if (key) {
      this.#history.restart(values);
      this.#overlaps.restart(overlaps);
      this.#extras.restart(extras);
    } else if (face) {
      this.#history.push(values);
      this.#overlaps.push(overlaps);
      this.#extras.push(extras);
    } else {
      this.#history.rest();
      this.#overlaps.velocity.fill(0);
      this.#extras.velocity.fill(0);
    }
  }

  #values(predictor: Predictor, coder: SymbolCoder): void {
    const { values } = this.frame;
    const { reference } = predictor;
    for (let c = 0; c < CODED; c++) {
      const residual = coder.value(c, reference[c]!, predictor.select(c));
      values[c] = reference[c]! + residual;
      predictor.push(c, residual);
    }
  }

  #side(velocity: number, key: boolean, low: number, high: number): Distribution {
    const size = velocity < 0 ? -velocity : velocity;
    const context = size < 2 ? size : size < 4 ? 2 : 3;
    const distribution = key ? this.#keySide : this.#chainSide;
    if (key) distribution.set(0, SIDE_KEY_SCALE, SIDE_KEY_SAME, low, high);
    // Three quarters of the last change go on.
    else distribution.set(velocity * 48, SIDE_SCALE[context]!, SIDE_SAME[context]!, low, high);
    return distribution;
  }
}
