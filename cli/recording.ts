import { readFileSync } from 'node:fs';
import { HayateError } from '@hayate/codec/errors';
import { type LiveLinkFrame, parseLiveLinkCsv } from '@hayate/codec/motion';
import { type OpusPacket, readOpusFile } from './ogg.ts';
import type { Track } from './pacer.ts';

const SAMPLES_PER_MS = 48;

/** A Live Link Face recording, read whole: a wrong line shows before anything is sent. */
export interface Recording {
  frames: LiveLinkFrame[];
  /** Nominal, of its time codes. */
  fps: number;
  /** First frame to the one that would follow the last. */
  lengthUs: number;
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new HayateError('invalid_argument', `cannot read ${path}`, { cause });
  }
}

/** Throws `invalid_argument` with the line. */
export function readRecording(path: string): Recording {
  const lines = read(path).toString('utf8').split('\n');
  const frames = [...parseLiveLinkCsv(lines)];
  const first = frames[0];
  const last = frames.at(-1);
  if (!first || !last) throw new HayateError('invalid_argument', `${path}: no frame in it`);
  const fps = nominalFps(frames);
  return { frames, fps, lengthUs: last.timeUs - first.timeUs + Math.round(1_000_000 / fps) };
}

/** By the median step: time codes jitter, and recordings have gaps. */
function nominalFps(frames: LiveLinkFrame[]): number {
  const steps = frames.slice(1).map((frame, i) => frame.timeUs - frames[i]!.timeUs);
  steps.sort((a, b) => a - b);
  const median = steps[steps.length >> 1] ?? 0;
  return median > 0 ? Math.min(120, Math.max(1, Math.round(1_000_000 / median))) : 60;
}

export interface Voice {
  channels: 1 | 2;
  frameMs: number;
  packets: OpusPacket[];
  /** Instant of each packet's first sample after the recording's begin; the pre-skip lies before it. */
  startUs: number[];
}

/** Throws `invalid_argument`. */
export function readVoice(path: string): Voice {
  const { channels, preSkip, packets } = readOpusFile(read(path));
  const startUs: number[] = [];
  let samples = -preSkip;
  for (const packet of packets) {
    startUs.push(Math.round((samples * 1000) / SAMPLES_PER_MS));
    samples += packet.samples;
  }
  return { channels, frameMs: packets[0]!.samples / SAMPLES_PER_MS, packets, startUs };
}

/** A take that repeats: item n of lap k at `begin + k * lap + offset(n)`. */
export class Take implements Track {
  readonly #offsets: readonly number[];
  readonly #beginUs: number;
  readonly #lapUs: number;
  readonly #loop: boolean;
  readonly #emit: (index: number, captureUs: number) => void;
  /** An item is due so long after its capture time: for what is captured over a while. */
  readonly #afterUs: (index: number) => number;
  #lap = 0;
  #index = 0;

  constructor(options: {
    offsetsUs: readonly number[];
    beginUs: number;
    lapUs: number;
    loop: boolean;
    emit: (index: number, captureUs: number) => void;
    afterUs?: (index: number) => number;
  }) {
    this.#offsets = options.offsetsUs;
    this.#beginUs = options.beginUs;
    this.#lapUs = options.lapUs;
    this.#loop = options.loop;
    this.#emit = options.emit;
    this.#afterUs = options.afterUs ?? (() => 0);
  }

  nextUs(): number | undefined {
    if (this.#index >= this.#offsets.length || this.#dueInLap() > this.#lapUs) {
      if (!this.#loop) return undefined;
      this.#lap += 1;
      this.#index = 0;
    }
    return this.#beginUs + this.#lap * this.#lapUs + this.#dueInLap();
  }

  fire(dueUs: number): void {
    const index = this.#index;
    this.#index += 1;
    this.#emit(index, dueUs - this.#afterUs(index));
  }

  #dueInLap(): number {
    return this.#offsets[this.#index]! + this.#afterUs(this.#index);
  }
}
