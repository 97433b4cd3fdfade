import { ARKIT_CHANNELS, BLENDSHAPE_COUNT } from '@hayate/codec/motion';

export type Smoothing = 'none' | 'slight';

/** Time constants, ms: a frame of a camera is 33. Eyelids get none, for a blink is over in three frames. */
const TAU_MS = { shapes: 15, angles: 30 };
const QUICK = new Set(ARKIT_CHANNELS.flatMap((name, channel) => (name.startsWith('eyeBlink') ? [channel] : [])));
/** After such a gap there is nothing to go on from. */
const GAP_MS = 250;

/** Exponential moving average of a tracker's channels, in place. It adds up to its time constant of lag. */
export class Smoother {
  readonly #state = new Float32Array(ARKIT_CHANNELS.length);
  #atMs = Number.NEGATIVE_INFINITY;

  /** Writes the smoothed values into `values`. */
  apply(values: Float32Array, atMs: number, how: Smoothing): void {
    const passedMs = atMs - this.#atMs;
    this.#atMs = atMs;
    const fresh = how === 'none' || !(passedMs > 0 && passedMs < GAP_MS);
    for (let channel = 0; channel < this.#state.length; channel += 1) {
      const tau = channel < BLENDSHAPE_COUNT ? TAU_MS.shapes : TAU_MS.angles;
      const share = fresh || QUICK.has(channel) ? 1 : 1 - Math.exp(-passedMs / tau);
      this.#state[channel]! += (values[channel]! - this.#state[channel]!) * share;
      values[channel] = this.#state[channel]!;
    }
  }
}
