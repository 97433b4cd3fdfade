/** Runs in the audio thread: one liver's voice, read by a clock that follows the anchors of the page. */
import { VoiceBuffer } from '@hayate/client/voice';
import type { FromVoiceWorklet, ToVoiceWorklet } from './voice-messages.ts';

declare const sampleRate: number;
declare const currentTime: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

const RATE = 48_000;
const REPORT_SECONDS = 0.1;

class VoiceProcessor extends AudioWorkletProcessor {
  readonly #buffer = new VoiceBuffer(RATE);
  #anchorAt = Number.NaN;
  #anchorTime = 0;
  #drift = 0;
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
      this.#drift = message.drift;
    } else if (message.type === 'samples') {
      this.#buffer.write(message.at, message.samples);
    } else {
      this.#buffer.reset();
      this.#anchorAt = Number.NaN;
    }
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const output = outputs[0]![0]!;
    if (Number.isNaN(this.#anchorAt)) return true;
    const pace = 1 + this.#drift;
    const target = this.#anchorAt + (currentTime - this.#anchorTime) * RATE * pace;
    const { position, counts } = this.#buffer;
    const before = counts.played;
    this.#buffer.read(output, target, (RATE / sampleRate) * pace);
    const at = counts.played === before + output.length && !Number.isNaN(position) ? position : undefined;
    for (const channel of outputs[0]!.slice(1)) channel.set(output);
    for (const value of output) this.#square += value * value;
    this.#counted += output.length;
    this.#report(at);
    return true;
  }

  #report(at: number | undefined): void {
    if (currentTime - this.#reported < REPORT_SECONDS) return;
    this.#reported = currentTime;
    const { played, late } = this.#buffer.counts;
    const level = Math.sqrt(this.#square / Math.max(1, this.#counted));
    const message: FromVoiceWorklet = { played, late, level, at, contextTime: currentTime };
    this.#square = 0;
    this.#counted = 0;
    this.port.postMessage(message);
  }
}

registerProcessor('hayate-voice', VoiceProcessor);
