import { random } from '../bench/random.ts';
import { MAX_WAITING } from '../motion/face/decoder.ts';
import { type Profile, QUANTISERS } from '../motion/face/layout.ts';
import { limitsOf } from '../motion/face/pose.ts';
import {
  createFaceDecoder,
  createFaceEncoder,
  type DecodeResult,
  faceConfig,
  MAX_UNIT_BYTES,
  type MotionConfig,
  type MotionDecoder,
} from '../motion/index.ts';
import { talkFrame } from './talk.ts';

export const MUTATIONS = [
  'bit_flips',
  'truncated',
  'extended',
  'spliced',
  'random_bytes',
  'key_and_chain_swapped',
  'other_config',
  'other_place',
] as const;
export type Mutation = (typeof MUTATIONS)[number];

/** What became of the units of one kind of mutation. */
export interface MutationCounts {
  units: number;
  malformed: number;
  /** Decoded as some frame: the codec has no checksum. */
  valid: number;
  /** Kept for a predecessor, and counted again when `next()` gives them. */
  waiting: number;
}

export interface MotionFuzzReport {
  units: number;
  kinds: Record<Mutation, MutationCounts>;
  /** Frames of unharmed units between the mutated ones: each was the encoder's. */
  unharmed: number;
  concealed: number;
  /** What must not happen; the first 20. */
  faults: string[];
  us_per_unit: number;
  /** Longest decode, whatever else the machine did meanwhile. */
  max_us: number;
  /** Longest when one that took over SLOW_US is decoded up to nine times more and its least time counts. */
  max_repeated_us: number;
}

export interface MotionFuzzOptions {
  seed: number;
  /** Default: the codec's. */
  createDecoder?: (config: MotionConfig) => MotionDecoder;
  /** us; default: no time is measured. */
  now?: () => number;
}

interface Unit {
  key: boolean;
  data: Uint8Array;
}

interface Stream {
  config: MotionConfig;
  units: Unit[];
  /** The encoder's poses. */
  poses: { face: boolean; values: Float32Array }[];
  keys: number[];
  low: Float32Array;
  high: Float32Array;
  decoder: MotionDecoder;
  spare: MotionDecoder;
  sequence: number;
  /** The unharmed unit decoded last; -1 while the decoder holds what a mutated one left. */
  place: number;
  /** What the decoder took since its last key. */
  history: Unit[];
}

const FRAMES = 96;
const SLOW_US = 200;
const REPEATS = 9;
/** Mutated units on top of each other, before a good key comes. */
const LONGEST_HISTORY = 24;

const STREAMS: readonly [Profile, number, boolean, number][] = [
  ['std', 30, false, 0],
  ['hi', 30, false, 0],
  ['lo', 60, false, 0],
  ['std', 60, false, 2],
  ['std', 30, true, 0],
  ['hi', 60, true, 32],
  ['lo', 24, true, 2],
  ['hi', 24, false, 32],
];

/** Mutates units of made-up motion and decodes them; seeded, so that a fault can be seen again. No Node imports. */
export class MotionFuzz {
  readonly report: MotionFuzzReport;
  readonly #random: () => number;
  readonly #createDecoder: (config: MotionConfig) => MotionDecoder;
  readonly #now: () => number;
  readonly #streams: Stream[];
  #time = 0;

  constructor({ seed, createDecoder = createFaceDecoder, now = () => 0 }: MotionFuzzOptions) {
    this.#random = random(seed);
    this.#createDecoder = createDecoder;
    this.#now = now;
    this.#streams = STREAMS.map((stream) => this.#stream(...stream));
    const none = (): MutationCounts => ({ units: 0, malformed: 0, valid: 0, waiting: 0 });
    this.report = {
      units: 0,
      kinds: Object.fromEntries(MUTATIONS.map((kind) => [kind, none()])) as Record<Mutation, MutationCounts>,
      unharmed: 0,
      concealed: 0,
      faults: [],
      us_per_unit: 0,
      max_us: 0,
      max_repeated_us: 0,
    };
  }

  /** Decodes `count` mutated units or a few more, and good ones between them. */
  run(count: number): void {
    for (let n = 0; n < count; n++) {
      const stream = this.#streams[this.#below(this.#streams.length)]!;
      try {
        this.#step(stream);
      } catch (error) {
        this.#fault(`thrown: ${error instanceof Error ? error.message : String(error)}`);
        stream.decoder = this.#createDecoder(stream.config);
        stream.place = -1;
      }
    }
    this.report.us_per_unit = this.#time / this.report.units;
  }

  #step(stream: Stream): void {
    const tainted = stream.place === -1;
    const restart = tainted ? this.#chance(4) || stream.history.length > LONGEST_HISTORY : this.#chance(64);
    if (stream.history.length === 0 || stream.place === FRAMES - 1 || restart) this.#key(stream);
    const kind = MUTATIONS[this.#below(MUTATIONS.length)]!;
    const unit = this.#mutate(kind, stream);
    const early = !unit.key && this.#chance(64);
    const verdict = this.#decode(stream, kind, unit, early ? 2 : 1);
    if (early) {
      // The predecessor of the one that waits now.
      this.#decode(stream, kind, this.#mutate(kind, stream), 1);
      this.#next(stream, kind);
    } else if (verdict === 'malformed' && stream.place !== -1 && this.#chance(4)) {
      // What was refused left no trace: the next good unit is what the encoder meant.
      this.#good(stream, stream.place + 1);
    }
    if (this.#chance(32)) this.#conceal(stream);
    if (this.#chance(4096)) {
      stream.decoder.reset();
      stream.history = [];
      if (stream.decoder.next() !== undefined) this.#fault('a unit after reset');
    }
  }

  #decode(stream: Stream, kind: Mutation, unit: Unit, ahead: number): DecodeResult['kind'] {
    const { decoder } = stream;
    const sequence = (stream.sequence + ahead) >>> 0;
    const counts = this.report.kinds[kind];
    this.report.units++;
    counts.units++;
    const since = this.#now();
    const result = decoder.decode(sequence, unit.key, unit.data);
    const took = this.#now() - since;
    if (took > 0) this.#took(stream, unit, ahead, took);
    this.#take(stream, counts, unit, result, sequence);
    return result.kind;
  }

  #take(stream: Stream, counts: MutationCounts, unit: Unit, result: DecodeResult, sequence: number): void {
    if (result.sequence !== sequence) this.#fault(`${result.kind} of ${result.sequence} instead of ${sequence}`);
    switch (result.kind) {
      case 'malformed':
        counts.malformed++;
        if (result.reason === '') this.#fault('malformed without a reason');
        return;
      case 'waiting_for_key':
        counts.waiting++;
        return;
      case 'exact':
      case 'late_used':
        counts.valid++;
        this.#inRange(stream, result.frame.values, result.kind);
        stream.place = -1;
        stream.sequence = sequence;
        if (unit.key) stream.history = [];
        stream.history.push(unit);
        return;
      default:
        this.#fault(`${result.kind} for a unit that is new`);
    }
  }

  #next(stream: Stream, kind: Mutation): void {
    // Units that came early may have waited for long, several in a row.
    for (let n = 0; n <= MAX_WAITING; n++) {
      const result = stream.decoder.next();
      if (result === undefined) return;
      // Its bytes are the decoder's: what follows is never decoded again.
      const unit = { key: false, data: new Uint8Array(0) };
      this.#take(stream, this.report.kinds[kind], unit, result, (stream.sequence + 1) >>> 0);
      stream.history.length = 0;
    }
    this.#fault(`more than ${MAX_WAITING} units waited`);
  }

  /** A good key, after a gap at times. */
  #key(stream: Stream): void {
    stream.sequence = (stream.sequence + this.#below(3)) >>> 0;
    this.#good(stream, stream.keys[this.#below(stream.keys.length)]!);
  }

  #good(stream: Stream, place: number): void {
    const unit = stream.units[place];
    if (unit === undefined) return;
    stream.sequence = (stream.sequence + 1) >>> 0;
    const result = stream.decoder.decode(stream.sequence, unit.key, unit.data);
    this.report.unharmed++;
    const wanted = stream.poses[place]!;
    if (result.kind !== 'exact' && result.kind !== 'late_used') {
      this.#fault(`a good unit is ${result.kind}`);
    } else if (
      result.frame.face !== wanted.face ||
      result.frame.values.some((value, channel) => value !== wanted.values[channel])
    ) {
      this.#fault('a good unit gives another pose');
    }
    stream.place = place;
    if (unit.key) stream.history = [];
    stream.history.push(unit);
  }

  #conceal(stream: Stream): void {
    const result = stream.decoder.conceal((stream.sequence + 1 + this.#below(40)) >>> 0);
    if (result.kind === 'concealed') {
      this.report.concealed++;
      this.#inRange(stream, result.frame.values, 'concealed');
    } else if (result.kind !== 'waiting_for_key') {
      this.#fault(`${result.kind} from conceal`);
    }
  }

  #inRange({ low, high }: Stream, values: Float32Array, kind: string): void {
    for (let channel = 0; channel < low.length; channel++) {
      const value = values[channel]!;
      // Written so that what is not a number is out of range too.
      if (!(value >= low[channel]! && value <= high[channel]!)) this.#fault(`${kind}: channel ${channel} is ${value}`);
    }
  }

  #took(stream: Stream, unit: Unit, ahead: number, first: number): void {
    const { report } = this;
    this.#time += first;
    report.max_us = Math.max(report.max_us, first);
    let took = first;
    for (let again = 0; again < REPEATS && took > SLOW_US; again++) {
      stream.spare.reset();
      for (const [n, each] of stream.history.entries()) stream.spare.decode(n, each.key, each.data);
      const since = this.#now();
      stream.spare.decode(stream.history.length - 1 + ahead, unit.key, unit.data);
      took = Math.min(took, this.#now() - since);
    }
    report.max_repeated_us = Math.max(report.max_repeated_us, took);
  }

  #mutate(kind: Mutation, stream: Stream): Unit {
    const { units } = stream;
    const own = units[stream.place === -1 ? this.#below(FRAMES) : Math.min(stream.place + 1, FRAMES - 1)]!;
    const other = units[this.#below(FRAMES)]!;
    switch (kind) {
      case 'bit_flips': {
        const data = own.data.slice();
        for (let n = 1 + this.#below(3); n > 0 && data.length > 0; n--) {
          data[this.#below(data.length)]! ^= 1 << this.#below(8);
        }
        return { key: own.key, data };
      }
      case 'truncated':
        return { key: own.key, data: own.data.slice(0, this.#below(Math.max(1, own.data.length))) };
      case 'extended':
        return { key: own.key, data: join(own.data, this.#bytes(1 + this.#below(8))) };
      case 'spliced': {
        const head = own.data.subarray(0, this.#below(own.data.length + 1));
        return { key: own.key, data: join(head, other.data.subarray(this.#below(other.data.length + 1))) };
      }
      case 'random_bytes': {
        const longest = this.#chance(16) ? 2 * MAX_UNIT_BYTES : this.#chance(4) ? MAX_UNIT_BYTES : 24;
        return { key: this.#chance(2), data: this.#bytes(this.#below(longest + 1)) };
      }
      case 'key_and_chain_swapped':
        return { key: !own.key, data: own.data };
      case 'other_config': {
        const away = 1 + this.#below(STREAMS.length - 1);
        const foreign = this.#streams[(this.#streams.indexOf(stream) + away) % STREAMS.length]!;
        const { key, data } = foreign.units[this.#below(FRAMES)]!;
        return { key, data };
      }
      case 'other_place':
        return { key: other.key, data: other.data };
    }
  }

  #stream(profile: Profile, fps: number, unmerged: boolean, extras: number): Stream {
    const config = faceConfig({
      fps,
      profile,
      unmerged,
      extras: Array.from({ length: extras }, (_, n) => `extra${n}`),
    });
    const encoder = createFaceEncoder(config, { keyInterval: 8 });
    const units: Unit[] = [];
    const poses: Stream['poses'] = [];
    for (let n = 0; n < FRAMES; n++) {
      const frame = talkFrame(n / fps, config.channels);
      if (n % 24 === 12) for (let c = 0; c < config.channels; c++) frame.values[c] = 4 * this.#random() - 2;
      if (unmerged) frame.values.fill(0.2 + 0.1 * this.#random(), 14, 17);
      if (n % 32 > 28) frame.face = false;
      units.push(encoder.encode(frame));
      const { face, values } = encoder.reconstruction;
      poses.push({ face, values: values.slice() });
    }
    return {
      config,
      units,
      poses,
      keys: [...units.keys()].filter((n) => units[n]!.key),
      ...limitsOf(QUANTISERS[profile], config.channels),
      decoder: this.#createDecoder(config),
      spare: createFaceDecoder(config),
      sequence: this.#below(2 ** 32),
      place: -1,
      history: [],
    };
  }

  #fault(text: string): void {
    if (this.report.faults.length < 20) this.report.faults.push(`unit ${this.report.units}: ${text}`);
  }

  #bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#below(256));
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  /** One time in `count`. */
  #chance(count: number): boolean {
    return this.#below(count) === 0;
  }
}

function join(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const all = new Uint8Array(head.length + tail.length);
  all.set(head);
  all.set(tail, head.length);
  return all;
}
