import { createRandom } from './random.ts';
import { type Speech, STEP_US, sampleTrack } from './timeline.ts';

export interface VoiceOptions {
  sampleRate: number;
  /** Samples a block; default 20 ms. */
  blockSamples?: number;
}

/** Two-pole resonator (Klatt): unity gain at 0 Hz for the cascade, so formants need no gains of their own. */
class Resonator {
  #a = 0;
  #b = 0;
  #c = 0;
  #y1 = 0;
  #y2 = 0;

  tune(hz: number, bandwidthHz: number, sampleRate: number): void {
    const radius = Math.exp((-Math.PI * bandwidthHz) / sampleRate);
    this.#c = -radius * radius;
    this.#b = 2 * radius * Math.cos((2 * Math.PI * hz) / sampleRate);
    this.#a = 1 - this.#b - this.#c;
  }

  next(input: number): number {
    const output = this.#a * input + this.#b * this.#y1 + this.#c * this.#y2;
    this.#y2 = this.#y1;
    this.#y1 = output;
    return output;
  }
}

/** Rosenberg's glottal flow over one period: opens for 42 %, closes within 16 %. */
function glottalFlow(phase: number): number {
  if (phase < 0.42) return 0.5 * (1 - Math.cos((Math.PI * phase) / 0.42));
  if (phase < 0.58) return Math.cos((Math.PI / 2) * ((phase - 0.42) / 0.16));
  return 0;
}

/**
 * The project's own voice: one loop of `speech` as blocks of mono samples within -1..1, oldest first. Pure: equal speech
 * gives equal samples. A glottal pulse train and noise run through a cascade of five formants; friction has its own
 * resonator beside it. The last block is zero-padded when a loop is not a whole number of blocks.
 */
export function* synthesizeVoice(speech: Speech, options: VoiceOptions): Generator<Float32Array<ArrayBuffer>> {
  const { sampleRate } = options;
  const blockSamples = options.blockSamples ?? Math.round(sampleRate / 50);
  const total = Math.round((speech.loopUs / 1e6) * sampleRate);
  const { tracks } = speech;
  const random = createRandom(speech.seed ^ 0x51ce);
  const cascade = Array.from({ length: 5 }, () => new Resonator());
  const friction = new Resonator();
  const tuneEvery = Math.max(1, Math.round(sampleRate / 1000));

  let phase = 0;
  let flowBefore = 0;
  let pitchHz = 0;
  let cycleJitter = 1;
  let voicing = 0;
  let aspiration = 0;
  let frication = 0;
  let noiseBefore = 0;
  let blockedIn = 0;
  let blockedOut = 0;

  for (let start = 0; start < total; start += blockSamples) {
    const block = new Float32Array(blockSamples);
    const count = Math.min(blockSamples, total - start);
    for (let i = 0; i < count; i += 1) {
      const at = start + i;
      if (at % tuneEvery === 0) {
        const tUs = (at / sampleRate) * 1e6;
        const nasal = sampleTrack(tracks.nasal, tUs);
        const first = sampleTrack(tracks.formant1, tUs) * (1 - nasal) + 280 * nasal;
        const second = sampleTrack(tracks.formant2, tUs) * (1 - 0.4 * nasal) + 0.4 * nasal * 1100;
        cascade[0]!.tune(first, 75 + 60 * nasal, sampleRate);
        cascade[1]!.tune(second, 100 + 220 * nasal, sampleRate);
        cascade[2]!.tune(sampleTrack(tracks.formant3, tUs), 150 + 250 * nasal, sampleRate);
        cascade[3]!.tune(4100, 260, sampleRate);
        cascade[4]!.tune(5200, 400, sampleRate);
        const fricationHz = sampleTrack(tracks.fricationHz, tUs);
        friction.tune(fricationHz, fricationHz * 0.28, sampleRate);
        voicing = sampleTrack(tracks.voicing, tUs);
        aspiration = sampleTrack(tracks.aspiration, tUs);
        frication = sampleTrack(tracks.frication, tUs);
        pitchHz = sampleTrack(tracks.pitchHz, tUs) * (1 + 0.006 * Math.sin((2 * Math.PI * 5.3 * tUs) / 1e6));
      }
      phase += (pitchHz * cycleJitter) / sampleRate;
      if (phase >= 1) {
        phase -= 1;
        cycleJitter = 1 + 0.012 * (random() - 0.5);
      }
      const flow = glottalFlow(phase);
      const pulse = flow - flowBefore;
      flowBefore = flow;
      const noise = 2 * random() - 1;
      const breath = noise * (0.012 * voicing * (0.3 + flow) + 0.05 * aspiration);
      let sample = pulse * voicing * 2.4 + breath;
      for (const formant of cascade) sample = formant.next(sample);
      const hiss = friction.next((noise - noiseBefore) * frication * 0.09);
      noiseBefore = noise;
      const mixed = sample * 1.05 + 1.6 * hiss;
      blockedOut = mixed - blockedIn + 0.995 * blockedOut;
      blockedIn = mixed;
      block[i] = 0.9 * Math.tanh(blockedOut);
    }
    yield block;
  }
}

/** RMS of the voice, one value for each 5 ms step of the tracks: for tests and meters. */
export function voiceEnvelope(blocks: Iterable<Float32Array>, sampleRate: number): Float32Array {
  const per = Math.round((STEP_US / 1e6) * sampleRate);
  const levels: number[] = [];
  let sum = 0;
  let count = 0;
  for (const block of blocks) {
    for (const sample of block) {
      sum += sample * sample;
      count += 1;
      if (count === per) {
        levels.push(Math.sqrt(sum / per));
        sum = 0;
        count = 0;
      }
    }
  }
  return Float32Array.from(levels);
}
