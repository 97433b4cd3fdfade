import { BLENDSHAPE_COUNT } from '../motion/channels.ts';
import type { DecodeResult, MotionDecoder } from '../motion/types.ts';
import type { BenchStream } from './codec.ts';
import { type Encoded, isAsEncoded } from './encoded.ts';
import { random } from './random.ts';
import { Samples } from './statistics.ts';

export type LossKind = 'iid' | 'burst';
/** What a datagram carries: `none` the unit t; `repeat1` t-1 and t; `since_key` all from the last key to t. */
export type Repair = 'none' | 'repeat1' | 'since_key';

export interface LossCondition {
  kind: LossKind;
  /** Share of datagrams that are lost. */
  rate: number;
  repair: Repair;
}

const REPAIRS: readonly Repair[] = ['none', 'repeat1', 'since_key'];

export const LOSS_CONDITIONS: readonly LossCondition[] = [
  ...[0.01, 0.02, 0.05].flatMap((rate) => REPAIRS.map((repair) => ({ kind: 'iid' as const, rate, repair }))),
  ...REPAIRS.map((repair) => ({ kind: 'burst' as const, rate: 0.03, repair })),
];

/** Shortest and longest outage of `burst`, s. */
const OUTAGE_S = [0.1, 0.33] as const;
/** Sequences wrap at 2^32 within every recording of over three seconds. */
const FIRST_SEQUENCE = 0x1_0000_0000 - 90;

/** 1 for each datagram that is lost. All repairs meet the same losses. */
export function lostDatagrams({ kind, rate }: LossCondition, count: number, fps: number, seed: number): Uint8Array {
  const next = random(Math.imul(seed, 1009) + Math.round(rate * 1000) + (kind === 'burst' ? 500 : 0));
  const lost = new Uint8Array(count);
  if (kind === 'iid') {
    for (let t = 0; t < count; t++) lost[t] = next() < rate ? 1 : 0;
    return lost;
  }
  const least = Math.round(OUTAGE_S[0] * fps);
  const most = Math.round(OUTAGE_S[1] * fps);
  const begins = rate / (1 - rate) / ((least + most) / 2);
  for (let t = 0; t < count; ) {
    if (next() >= begins) {
      t++;
      continue;
    }
    const length = least + Math.floor(next() * (most - least + 1));
    lost.fill(1, t, t + length);
    t += length;
  }
  return lost;
}

/** What viewers saw; sums over recordings and seeds. */
export class LossTally {
  frames = 0;
  lost = 0;
  bytes = 0;
  /** Frames shown as the encoder meant them. */
  exact = 0;
  /** Decoded frames that were not what the encoder meant: a fault of the codec. */
  mismatched = 0;
  /** Units that did not decode although nothing was wrong with them: a fault of the codec. */
  malformed = 0;
  /** Greatest blendshape error against the source of each frame with a face. */
  readonly errors = new Samples();
  /** Frames from the end of each loss to the next exact one. */
  readonly recovery = new Samples();

  addAll(other: LossTally): void {
    this.frames += other.frames;
    this.lost += other.lost;
    this.bytes += other.bytes;
    this.exact += other.exact;
    this.mismatched += other.mismatched;
    this.malformed += other.malformed;
    this.errors.addAll(other.errors);
    this.recovery.addAll(other.recovery);
  }
}

/** The units of datagram `t`, first and last. */
function carried(encoded: Encoded, t: number, repair: Repair): number {
  if (repair === 'none') return t;
  if (repair === 'repeat1') return Math.max(0, t - 1);
  let first = t;
  while (first > 0 && !encoded.keys[first]) first--;
  return first;
}

/**
 * One viewer. Frame t is shown when datagram t+1 is due, after what that one brings is decoded; a frame that is not there
 * by then is estimated, from what had come before.
 */
export function simulate(encoded: Encoded, stream: BenchStream, lost: Uint8Array, repair: Repair): LossTally {
  const count = encoded.units.length;
  const tally = new LossTally();
  const viewer = new Viewer(encoded, stream.decoder(), tally);
  const shown = new Uint8Array(count);
  tally.frames = count;
  for (let t = 0; t <= count; t++) {
    // Asked before datagram t brings later frames; wanted only when t does not bring the frame itself.
    const late = t > 0 && !viewer.has(t - 1);
    const estimate = late ? viewer.estimateError(t - 1) : Number.NaN;
    if (t < count) {
      const from = carried(encoded, t, repair);
      for (let row = from; row <= t; row++) tally.bytes += encoded.units[row]!.length;
      if (lost[t] === 1) tally.lost++;
      else for (let row = from; row <= t; row++) viewer.receive(row);
    }
    if (t === 0) continue;
    const exact = viewer.has(t - 1);
    if (exact) {
      shown[t - 1] = 1;
      tally.exact++;
    }
    if (encoded.frames[t - 1]!.face) tally.errors.add(exact ? viewer.exactError(t - 1) : estimate);
  }
  addRecovery(lost, shown, tally.recovery);
  return tally;
}

/** A loss that begins before the one before is recovered from belongs to it. */
function addRecovery(lost: Uint8Array, shown: Uint8Array, recovery: Samples): void {
  let end = -1;
  for (let t = 0; t < lost.length; t++) {
    if (lost[t] === 1) end = t;
    else if (end >= 0 && shown[t] === 1) {
      recovery.add(t - end - 1);
      end = -1;
    }
  }
}

class Viewer {
  readonly #encoded: Encoded;
  readonly #decoder: MotionDecoder;
  readonly #tally: LossTally;
  readonly #decoded: Uint8Array;

  constructor(encoded: Encoded, decoder: MotionDecoder, tally: LossTally) {
    this.#encoded = encoded;
    this.#decoder = decoder;
    this.#tally = tally;
    this.#decoded = new Uint8Array(encoded.units.length);
  }

  has(row: number): boolean {
    return this.#decoded[row] === 1;
  }

  receive(row: number): void {
    const { keys, units } = this.#encoded;
    this.#take(this.#decoder.decode((FIRST_SEQUENCE + row) >>> 0, keys[row]!, units[row]!));
    for (let more = this.#decoder.next(); more !== undefined; more = this.#decoder.next()) this.#take(more);
  }

  exactError(row: number): number {
    return this.#blendshapeError(row, this.#encoded.poses[row]!);
  }

  /** Of a viewer that has nothing yet: a face at rest. */
  estimateError(row: number): number {
    const result = this.#decoder.conceal((FIRST_SEQUENCE + row) >>> 0);
    return this.#blendshapeError(row, result.kind === 'concealed' ? result.frame.values : undefined);
  }

  #take(result: DecodeResult): void {
    if (result.kind === 'malformed') this.#tally.malformed++;
    if (result.kind !== 'exact' && result.kind !== 'late_used') return;
    const row = (result.sequence - FIRST_SEQUENCE) >>> 0;
    if (row < this.#decoded.length && isAsEncoded(this.#encoded, row, result.frame)) this.#decoded[row] = 1;
    else this.#tally.mismatched++;
  }

  #blendshapeError(row: number, pose: Float32Array | undefined): number {
    const source = this.#encoded.frames[row]!.values;
    let greatest = 0;
    for (let channel = 0; channel < BLENDSHAPE_COUNT; channel++) {
      greatest = Math.max(greatest, Math.abs((pose?.[channel] ?? 0) - source[channel]!));
    }
    return greatest;
  }
}
