/** Further off than this a packet is no continuation: a pause ended. */
const SEAM_MS = 8;
/** Second-order loop: phase settles in about 2 s, rate in about 8 s of 20 ms packets. */
const PHASE_GAIN = 0.01;
const RATE_GAIN = PHASE_GAIN ** 2 / 4;
/** Crystals differ by at most so much; more is a wandering clock estimate. */
const MAX_RATE = 500e-6;

/** A packet, as far as its place in the run goes. */
export interface PlacedPacket {
  /** Extended. */
  sequence: number;
  /** Of the first sample, ms in the viewer's clock. */
  captureMs: number;
  /** Length in samples. */
  samples: number;
}

/**
 * One liver's voice as one run of samples. Packets follow each other without a seam however the microphone's crystal and
 * the clock estimate differ; the run keeps track of where it stands in capture time. Pure.
 */
export class VoiceTrack {
  readonly #rate: number;
  #sequence: number | undefined;
  /** Of the newest packet, in the run. */
  #begin = 0;
  #samples = 0;
  /** Position in the run minus capture time in samples, at `#atMs`. */
  #offset = 0;
  #drift = 0;
  #atMs = 0;

  /** `rate`: samples a second. */
  constructor(rate = 48_000) {
    this.#rate = rate;
  }

  /** Samples of the run in one nominal sample of the viewer's clock, less 1: 1e-6 is a ppm. */
  get drift(): number {
    return this.#drift;
  }

  /** Where in the run the packet's first sample belongs: a whole number. */
  place({ sequence, captureMs, samples }: PlacedPacket): number {
    const due = this.positionAt(captureMs);
    if (this.#sequence === undefined) return this.#start(sequence, captureMs, samples);
    const ahead = (sequence - this.#sequence) | 0;
    const next = this.#begin + (ahead > 0 ? this.#samples + (ahead - 1) * samples : ahead * samples);
    const error = next - due;
    const seam = Math.abs(error) > (SEAM_MS / 1000) * this.#rate;
    const position = seam ? Math.round(due) : next;
    if (ahead <= 0) return position;
    if (!seam) this.#follow(error, captureMs);
    this.#sequence = sequence;
    this.#begin = position;
    this.#samples = samples;
    return position;
  }

  /** What is captured then, as a position in the run. */
  positionAt(captureMs: number): number {
    return (
      (captureMs / 1000) * this.#rate + this.#offset + this.#drift * ((captureMs - this.#atMs) / 1000) * this.#rate
    );
  }

  /** When what stands there was captured, ms: the inverse of `positionAt`. */
  captureAt(position: number): number {
    const perMs = this.#rate / 1000;
    return ((position - this.#offset) / perMs + this.#drift * this.#atMs) / (1 + this.#drift);
  }

  /** Another voice begins. */
  reset(): void {
    this.#sequence = undefined;
    this.#offset = 0;
    this.#drift = 0;
  }

  #start(sequence: number, captureMs: number, samples: number): number {
    const position = Math.round((captureMs / 1000) * this.#rate);
    this.#sequence = sequence;
    this.#begin = position;
    this.#samples = samples;
    this.#offset = position - (captureMs / 1000) * this.#rate;
    this.#drift = 0;
    this.#atMs = captureMs;
    return position;
  }

  #follow(error: number, captureMs: number): void {
    const passed = ((captureMs - this.#atMs) / 1000) * this.#rate;
    if (!(passed > 0)) return;
    this.#offset += this.#drift * passed + PHASE_GAIN * error;
    this.#atMs = captureMs;
    const drift = this.#drift + (RATE_GAIN * error) / passed;
    this.#drift = Math.max(-MAX_RATE, Math.min(MAX_RATE, drift));
  }
}
