/**
 * Runs in the audio thread: one liver's voice as a ring of samples placed by capture time, read by a clock that follows
 * the anchors of the page. So a lost packet or a pause (DTX) is a gap in the right place, and the drift between the
 * liver's clock and this sound card is taken up by resampling, at most 0.5 %.
 */
import type { FromVoiceWorklet, ToVoiceWorklet } from './voice-messages.ts';

declare const sampleRate: number;
declare const currentTime: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

const SOURCE_RATE = 48_000;
const RING = 1 << 17;
const MASK = RING - 1;
const MAX_SLEW = 0.005;
/** Further off than this the reader jumps. */
const JUMP_SAMPLES = 0.06 * SOURCE_RATE;
const REPORT_SECONDS = 0.1;

class VoiceProcessor extends AudioWorkletProcessor {
  readonly #ring = new Float32Array(RING);
  readonly #filled = new Uint8Array(RING);
  #read = Number.NaN;
  #anchorAt = Number.NaN;
  #anchorTime = 0;
  #fade = 0;
  #held = 0;
  #played = 0;
  #late = 0;
  #square = 0;
  #counted = 0;
  #reported = 0;

  constructor() {
    super();
    this.port.onmessage = (event: MessageEvent<ToVoiceWorklet>) => this.#take(event.data);
  }

  #take(message: ToVoiceWorklet): void {
    if (message.type === 'anchor') {
      this.#anchorAt = message.at;
      this.#anchorTime = message.contextTime;
      if (Number.isNaN(this.#read)) this.#read = this.#target();
    } else if (message.type === 'samples') {
      this.#write(message.at, message.samples);
    } else {
      this.#ring.fill(0);
      this.#filled.fill(0);
      this.#read = Number.NaN;
      this.#anchorAt = Number.NaN;
    }
  }

  #target(): number {
    return this.#anchorAt + (currentTime - this.#anchorTime) * SOURCE_RATE;
  }

  #write(at: number, samples: Float32Array): void {
    if (Number.isNaN(this.#read)) return;
    const read = Math.floor(this.#read);
    for (let i = 0; i < samples.length; i += 1) {
      const index = at + i;
      if (index <= read) this.#late += 1;
      else if (index < read + RING - 1024) {
        this.#ring[index & MASK] = samples[i]!;
        this.#filled[index & MASK] = 1;
      }
    }
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const output = outputs[0]![0]!;
    if (Number.isNaN(this.#read)) return true;
    const target = this.#target();
    const error = target - this.#read;
    if (Math.abs(error) > JUMP_SAMPLES) this.#jump(target);
    const slew = Math.min(MAX_SLEW, Math.max(-MAX_SLEW, (error / SOURCE_RATE) * 0.5));
    const step = (SOURCE_RATE / sampleRate) * (1 + slew);
    for (let i = 0; i < output.length; i += 1) output[i] = this.#next(step);
    for (const channel of outputs[0]!.slice(1)) channel.set(output);
    this.#report();
    return true;
  }

  #jump(target: number): void {
    const from = Math.floor(this.#read);
    const to = Math.floor(target);
    const clear = Math.min(RING, Math.abs(to - from));
    if (to > from) for (let i = 0; i < clear; i += 1) this.#filled[(from + i) & MASK] = 0;
    this.#read = target;
    this.#fade = 0;
  }

  #next(step: number): number {
    const index = Math.floor(this.#read);
    const share = this.#read - index;
    this.#read += step;
    const ahead = Math.floor(this.#read);
    let value: number;
    if (this.#filled[index & MASK]) {
      const low = this.#ring[index & MASK]!;
      const high = this.#filled[(index + 1) & MASK] ? this.#ring[(index + 1) & MASK]! : low;
      this.#fade = Math.min(1, this.#fade + 0.01);
      value = (low + (high - low) * share) * this.#fade + this.#held * (1 - this.#fade);
      this.#held = value;
      this.#played += 1;
    } else {
      // Lost, late, or silence that was not sent: let the last value die away instead of a click.
      this.#held *= 0.98;
      this.#fade = 0;
      value = this.#held;
    }
    for (let i = index; i < ahead; i += 1) this.#filled[i & MASK] = 0;
    this.#square += value * value;
    this.#counted += 1;
    return value;
  }

  #report(): void {
    if (currentTime - this.#reported < REPORT_SECONDS) return;
    this.#reported = currentTime;
    const message: FromVoiceWorklet = {
      played: this.#played,
      late: this.#late,
      level: Math.sqrt(this.#square / Math.max(1, this.#counted)),
      behind: (this.#target() - this.#read) / SOURCE_RATE,
    };
    this.#square = 0;
    this.#counted = 0;
    this.port.postMessage(message);
  }
}

registerProcessor('hayate-voice', VoiceProcessor);
