import type { DecodeResult, MotionConfig, MotionDecoder, MotionEncoder, MotionFrame } from '../../motion/types.ts';
import type { BenchCodec } from '../codec.ts';
import type { FoldFile, Seen } from '../seen.ts';

const CHANNELS = 61;
const STEP = 0.01;
const FACE = 1;

/** A plain codec: a byte for the face, then int16 steps in keys, int8 differences in chain units, so sizes and errors are known without running it. */
export function fakeCodec(parts: { folds?: FoldFile[]; seen?: Seen; skew?: number } = {}): BenchCodec {
  return {
    groups: { jaw: [17], head: [52, 53, 54] },
    maxUnitBytes: 1 + CHANNELS * 2,
    folds: parts.folds ?? [],
    seen: parts.seen ?? { recordings: [] },
    open: ({ fps, keyInterval }) => {
      const config: MotionConfig = { codec: 'fake', fps, channels: CHANNELS };
      return {
        encoder: () => new FakeEncoder(config, keyInterval),
        decoder: () => new FakeDecoder(config, parts.skew ?? 0),
        steps: new Float32Array(CHANNELS).fill(STEP),
      };
    },
  };
}

class FakeEncoder implements MotionEncoder {
  readonly config: MotionConfig;
  readonly reconstruction: MotionFrame = { face: false, values: new Float32Array(CHANNELS) };
  lastWasKey = false;
  readonly #keyInterval: number;
  readonly #state = new Int32Array(CHANNELS);
  #count = 0;

  constructor(config: MotionConfig, keyInterval: number) {
    this.config = config;
    this.#keyInterval = keyInterval;
  }

  encode(frame: MotionFrame): { key: boolean; data: Uint8Array } {
    const out = new Uint8Array(1 + CHANNELS * 2);
    const end = this.encodeInto(frame, out);
    return { key: this.lastWasKey, data: out.slice(0, end) };
  }

  encodeInto(frame: MotionFrame, out: Uint8Array): number {
    this.lastWasKey = this.#count++ % this.#keyInterval === 0;
    this.reconstruction.face = frame.face;
    const view = new DataView(out.buffer, out.byteOffset + 1);
    out[0] = frame.face ? FACE : 0;
    for (let channel = 0; channel < CHANNELS; channel++) {
      const wanted = frame.face ? Math.round(frame.values[channel]! / STEP) : this.#state[channel]!;
      if (this.lastWasKey) this.#state[channel] = wanted;
      else this.#state[channel]! += Math.max(-127, Math.min(127, wanted - this.#state[channel]!));
      if (this.lastWasKey) view.setInt16(channel * 2, wanted);
      else view.setInt8(channel, this.#state[channel]! - Math.round(this.reconstruction.values[channel]! / STEP));
    }
    for (let channel = 0; channel < CHANNELS; channel++) {
      this.reconstruction.values[channel] = this.#state[channel]! * STEP;
    }
    return 1 + (this.lastWasKey ? CHANNELS * 2 : CHANNELS);
  }
}

class FakeDecoder implements MotionDecoder {
  readonly config: MotionConfig;
  readonly tolerance = new Float32Array(CHANNELS).fill(STEP / 2);
  readonly #skew: number;
  readonly #waiting = new Map<number, Uint8Array>();
  readonly #frame: MotionFrame = { face: true, values: new Float32Array(CHANNELS) };
  #newest: number | undefined;

  constructor(config: MotionConfig, skew: number) {
    this.config = config;
    this.#skew = skew;
  }

  decode(sequence: number, key: boolean, data: Uint8Array): DecodeResult {
    if (this.#newest !== undefined && ((sequence - this.#newest) | 0) <= 0) return { kind: 'stale', sequence };
    if (!key && this.#newest !== (sequence - 1) >>> 0) {
      this.#waiting.set(sequence, data);
      return { kind: 'waiting_for_key', sequence };
    }
    const view = new DataView(data.buffer, data.byteOffset + 1);
    this.#frame.face = data[0] === FACE;
    for (let channel = 0; channel < CHANNELS; channel++) {
      const before = Math.round(this.#frame.values[channel]! / STEP);
      const steps = key ? view.getInt16(channel * 2) : before + view.getInt8(channel);
      this.#frame.values[channel] = steps * STEP + this.#skew;
    }
    this.#newest = sequence;
    return { kind: 'exact', sequence, frame: this.#frame };
  }

  next(): DecodeResult | undefined {
    const sequence = ((this.#newest ?? -1) + 1) >>> 0;
    const data = this.#waiting.get(sequence);
    this.#waiting.delete(sequence);
    return data && this.decode(sequence, false, data);
  }

  conceal(sequence: number): DecodeResult {
    if (this.#newest === undefined) return { kind: 'waiting_for_key', sequence };
    return { kind: 'concealed', sequence, frame: this.#frame };
  }

  reset(): void {
    this.#newest = undefined;
    this.#waiting.clear();
  }
}
