import { AudioClock } from './audio-clock.ts';
import type { FromCaptureWorklet } from './voice-messages.ts';

const RATE = 48_000;
const FRAME_SAMPLES = 960;

/** Cuts samples of any rate into 20 ms blocks at 48 kHz, each with the instant of its first sample. Pure but for its state. */
export class BlockCutter {
  readonly #sourceRate: number;
  readonly #onBlock: (block: Float32Array<ArrayBuffer>, firstMs: number) => void;
  #block = new Float32Array(FRAME_SAMPLES);
  #count = 0;
  #firstMs = 0;
  /** Position of the next output sample, in source samples, from the begin of the next chunk; the last sample is at -1. */
  #position = 0;
  #last = 0;

  constructor(sourceRate: number, onBlock: (block: Float32Array<ArrayBuffer>, firstMs: number) => void) {
    this.#sourceRate = sourceRate;
    this.#onBlock = onBlock;
  }

  push(samples: Float32Array, beganMs: number): void {
    const step = this.#sourceRate / RATE;
    let position = this.#position;
    while (position < samples.length - 1 || (step === 1 && position < samples.length)) {
      const index = Math.floor(position);
      const share = position - index;
      const low = index < 0 ? this.#last : samples[index]!;
      const high = samples[index + 1] ?? low;
      if (this.#count === 0) this.#firstMs = beganMs + (position / this.#sourceRate) * 1000;
      this.#block[this.#count] = low + (high - low) * share;
      this.#count += 1;
      position += step;
      if (this.#count === FRAME_SAMPLES) {
        this.#onBlock(this.#block, this.#firstMs);
        this.#block = new Float32Array(FRAME_SAMPLES);
        this.#count = 0;
      }
    }
    this.#position = position - samples.length;
    this.#last = samples.at(-1) ?? this.#last;
  }
}

/** Below it is silence to the meter, above it full: dBFS. */
const METER_DB = { least: -60, most: -6 };
/** Blocks of 20 ms between two words of the meter. */
const METER_BLOCKS = 5;

/** What a level meter shows of blocks of samples: the loudest block's RMS of each 0.1 s, on a scale of dB, 0 to 1. */
export class LevelMeter {
  readonly #onLevel: (level: number) => void;
  #blocks = 0;
  #loudest = 0;

  constructor(onLevel: (level: number) => void) {
    this.#onLevel = onLevel;
  }

  push(block: Float32Array): void {
    let square = 0;
    for (const sample of block) square += sample * sample;
    this.#loudest = Math.max(this.#loudest, Math.sqrt(square / block.length));
    this.#blocks += 1;
    if (this.#blocks < METER_BLOCKS) return;
    const db = 20 * Math.log10(Math.max(this.#loudest, 1e-9));
    const { least, most } = METER_DB;
    this.#onLevel(Math.min(1, Math.max(0, (db - least) / (most - least))));
    this.#blocks = 0;
    this.#loudest = 0;
  }
}

export interface Microphone {
  close(): void;
}

/**
 * Opens the microphone (the browser asks). `onBlock` gets 20 ms at 48 kHz and the capture time in `performance.now()` ms.
 * The microphone's own latency is added where the browser tells it.
 */
export async function openMicrophone(
  onBlock: (block: Float32Array<ArrayBuffer>, captureMs: number) => void,
): Promise<Microphone> {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
  // At the device's own rate: some browsers refuse to join a microphone and a context of different rates.
  const context = new AudioContext({ latencyHint: 'interactive' });
  try {
    await context.resume();
    await context.audioWorklet.addModule('/capture-worklet.js');
  } catch (error) {
    for (const track of stream.getTracks()) track.stop();
    await context.close();
    throw error;
  }
  const settings = stream.getAudioTracks()[0]?.getSettings() as { latency?: number } | undefined;
  const latencyMs = (settings?.latency ?? 0) * 1000;
  const clock = new AudioClock(context);
  const cutter = new BlockCutter(context.sampleRate, onBlock);
  const node = new AudioWorkletNode(context, 'hayate-capture', { numberOfInputs: 1, numberOfOutputs: 1 });
  node.port.onmessage = ({ data }: MessageEvent<FromCaptureWorklet>) => {
    const offsetMs = clock.observe(performance.now());
    cutter.push(data.samples, data.contextTime * 1000 + offsetMs - latencyMs);
  };
  const source = context.createMediaStreamSource(stream);
  // Joined to the silent output, since a node that leads nowhere need not be run.
  source.connect(node).connect(context.destination);
  return {
    close() {
      for (const track of stream.getTracks()) track.stop();
      node.disconnect();
      void context.close();
    },
  };
}
