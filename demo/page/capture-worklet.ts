/** Runs in the audio thread: hands the microphone's samples to the page, 10 ms or less at a time. */
import type { FromCaptureWorklet } from './voice-messages.ts';

declare const sampleRate: number;
declare const currentTime: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

class CaptureProcessor extends AudioWorkletProcessor {
  #samples = new Float32Array(Math.floor(sampleRate / 100 / 128) * 128);
  #count = 0;
  #began = 0;

  process(inputs: Float32Array[][]): boolean {
    const input = inputs[0]?.[0];
    if (!input) return true;
    if (this.#count === 0) this.#began = currentTime;
    this.#samples.set(input, this.#count);
    this.#count += input.length;
    if (this.#count >= this.#samples.length) {
      const message: FromCaptureWorklet = { contextTime: this.#began, samples: this.#samples };
      this.port.postMessage(message, [this.#samples.buffer]);
      this.#samples = new Float32Array(Math.floor(sampleRate / 100 / 128) * 128);
      this.#count = 0;
    }
    return true;
  }
}

registerProcessor('hayate-capture', CaptureProcessor);
