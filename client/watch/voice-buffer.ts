/** Resampling follows what is off by no more than a share of a percent: nobody hears it. */
const MAX_SLEW = 0.005;
/** Time constant of that, s. */
const SLEW_SECONDS = 2;
/** Off by more than this, whole periods of the voice are left out or put in: the pitch stays. */
const SPLICE_FROM_SECONDS = 0.006;
/** Time runs at most so much faster or slower by splices. */
const MAX_STRETCH = 0.1;
/** Off by more than this the reader goes there. */
const JUMP_SECONDS = 0.25;
const MIN_PERIOD_SECONDS = 0.0025;
const MAX_PERIOD_SECONDS = 0.0125;
/** What stands for a missing packet: the last period again, whole for so long, then dying away. */
const CONCEAL_WHOLE_SECONDS = 0.01;
const CONCEAL_SECONDS = 0.06;
/** From concealment back to the voice. */
const BACK_SECONDS = 0.004;
const RING_SECONDS = 2;

/** What a `VoiceBuffer` did so far. */
export interface VoiceCounts {
  /** Samples of voice that were put out. */
  played: number;
  /** Samples that stood for missing ones, in the middle of speech or in a pause. */
  concealed: number;
  /** Samples that came when their time had passed. */
  late: number;
  /** Periods left out or put in. */
  splices: number;
  /** Places where it gave up following and went to where the clock was: heard as a cut. */
  jumps: number;
}

/**
 * One voice between decoder and sound card: samples in by their position in the run (see VoiceTrack), samples out by a clock
 * that follows where the run should be. Works off what differs without a jump: crystals by resampling, a changed delay by
 * leaving out or putting in periods, a missing packet by repeating the last period. Fixed memory, no allocation a call.
 */
export class VoiceBuffer {
  /** Kept up to date; this object's own. */
  readonly counts: VoiceCounts = { played: 0, concealed: 0, late: 0, splices: 0, jumps: 0 };
  readonly #rate: number;
  readonly #size: number;
  readonly #ring: Float32Array;
  readonly #filled: Uint8Array;
  readonly #minPeriod: number;
  readonly #maxPeriod: number;
  /** The last samples put out: what a concealment repeats. Twice the longest period. */
  readonly #past: Float32Array;
  #pastAt = 0;
  #read = Number.NaN;
  /** After the furthest sample written. */
  #end = Number.NEGATIVE_INFINITY;
  /** Samples until the next splice may be. */
  #rest = 0;
  /** Cross-fade of a splice: the sound goes on at `#fadeFrom` while it fades into that at `#read`. */
  #fadeFrom = 0;
  #fadeLeft = 0;
  #fadeLength = 0;
  /** Samples concealed in a row; 0: none. */
  #gap = 0;
  #period = 0;
  #back = 0;

  /** `rate`: samples a second of the run and of the output. */
  constructor(rate = 48_000) {
    this.#rate = rate;
    this.#size = 2 ** Math.ceil(Math.log2(RING_SECONDS * rate));
    this.#ring = new Float32Array(this.#size);
    this.#filled = new Uint8Array(this.#size);
    this.#minPeriod = Math.round(MIN_PERIOD_SECONDS * rate);
    this.#maxPeriod = Math.round(MAX_PERIOD_SECONDS * rate);
    this.#past = new Float32Array(2 * this.#maxPeriod);
    this.#period = this.#maxPeriod;
  }

  /** Position in the run that is put out next; NaN before the first `read`. */
  get position(): number {
    return this.#read;
  }

  /** `samples` belong at `at` and after it in the run. Before the first `read` nothing is kept. */
  write(at: number, samples: Float32Array): void {
    if (Number.isNaN(this.#read)) return;
    const read = Math.floor(this.#read);
    const mask = this.#size - 1;
    for (let i = 0; i < samples.length; i += 1) {
      const index = at + i;
      // What lies a little behind serves splices; further on it would overwrite what is not played yet.
      if (index < read) this.counts.late += 1;
      else if (index < read + this.#size - 2 * this.#maxPeriod) {
        this.#ring[index & mask] = samples[i]!;
        this.#filled[index & mask] = 1;
        this.#end = Math.max(this.#end, index + 1);
      }
    }
  }

  /**
   * Fills `output`, whose first sample should be the one at `target`. `step`: samples of the run in one of the output.
   */
  read(output: Float32Array, target: number, step = 1): void {
    if (Number.isNaN(this.#read)) this.#read = target;
    // A pause: so much of it is remembered.
    if (this.#gap > 0) this.#skipTo(target - JUMP_SECONDS * this.#rate);
    this.#rest -= output.length;
    const off = target - this.#read;
    let slew = 0;
    if (Math.abs(off) > JUMP_SECONDS * this.#rate) this.#jump(target);
    else if (Math.abs(off) > SPLICE_FROM_SECONDS * this.#rate) this.#splice(off);
    else if (this.#gap === 0) slew = off / this.#rate / SLEW_SECONDS;
    const pace = step * (1 + Math.max(-MAX_SLEW, Math.min(MAX_SLEW, slew)));
    for (let i = 0; i < output.length; i += 1) output[i] = this.#next(pace, target + i * step);
  }

  /** Another voice begins; `counts` go on. */
  reset(): void {
    this.#filled.fill(0);
    this.#past.fill(0);
    this.#read = Number.NaN;
    this.#end = Number.NEGATIVE_INFINITY;
    this.#fadeLeft = 0;
    this.#gap = 0;
  }

  #next(pace: number, target: number): number {
    const before = Math.floor(this.#read);
    if (!this.#has(before)) this.#read = this.#pastGap(target);
    const here = this.#has(Math.floor(this.#read));
    let value = here ? this.#at(this.#read) : this.#conceal();
    if (here) {
      this.counts.played += 1;
      if (this.#gap > 0) {
        this.#back = Math.floor(BACK_SECONDS * this.#rate);
        this.#gap = 0;
      }
      if (this.#back > 0) {
        value += (this.#past[this.#repeatAt()]! - value) * (this.#back / (BACK_SECONDS * this.#rate));
        this.#back -= 1;
      } else if (this.#fadeLeft > 0) {
        const share = this.#fadeLeft / this.#fadeLength;
        value += (this.#at(this.#fadeFrom) - value) * share;
        this.#fadeFrom += pace;
        this.#fadeLeft -= 1;
      }
      this.#read += pace;
    }
    this.#forget(before, Math.floor(this.#read));
    this.#past[this.#pastAt] = value;
    this.#pastAt = (this.#pastAt + 1) % this.#past.length;
    return value;
  }

  /**
   * In a gap nobody hears where the reader is. While nothing is there to play it stays, so that what comes a moment too late
   * for its clock is still whole; then it goes to where it should be, or to the first sample before that.
   */
  #pastGap(target: number): number {
    if (this.#read >= this.#end || this.#read >= target) return this.#read;
    let index = Math.floor(this.#read) + 1;
    while (index < target && !this.#has(index)) index += 1;
    return Math.min(index, Math.max(target, this.#read));
  }

  #has(index: number): boolean {
    return this.#filled[index & (this.#size - 1)] === 1;
  }

  #at(position: number): number {
    const mask = this.#size - 1;
    const index = Math.floor(position);
    const low = this.#ring[index & mask]!;
    if (!this.#has(index + 1)) return low;
    return low + (this.#ring[(index + 1) & mask]! - low) * (position - index);
  }

  /** What was passed is empty for what comes a ring later; a little stays for splices that put in. */
  #forget(from: number, to: number): void {
    const keep = 2 * this.#maxPeriod;
    for (let i = from - keep; i < to - keep; i += 1) this.#filled[i & (this.#size - 1)] = 0;
  }

  #conceal(): number {
    if (this.#gap === 0) {
      this.#period = this.#pastPeriod();
      this.#fadeLeft = 0;
    }
    this.#gap += 1;
    this.counts.concealed += 1;
    // What is repeated was put out a period ago, faded as far as then.
    const before = fade((this.#gap - this.#period) / this.#rate);
    return before === 0 ? 0 : (this.#past[this.#repeatAt()]! * fade(this.#gap / this.#rate)) / before;
  }

  #repeatAt(): number {
    const { length } = this.#past;
    return (this.#pastAt - this.#period + length) % length;
  }

  /** The lag at which the last output is most like itself. */
  #pastPeriod(): number {
    const { length } = this.#past;
    return this.#likest((lag, i) => {
      const at = this.#pastAt - 1 - i + 2 * length;
      return this.#past[at % length]! * this.#past[(at - lag) % length]!;
    });
  }

  /** Coarse, then fine. */
  #likest(product: (lag: number, i: number) => number): number {
    const stride = Math.max(1, Math.round(this.#rate / 12_000));
    const coarse = this.#peak(product, this.#minPeriod, this.#maxPeriod, stride);
    if (stride === 1) return coarse;
    return this.#peak(
      product,
      Math.max(this.#minPeriod, coarse - stride),
      Math.min(this.#maxPeriod, coarse + stride),
      1,
    );
  }

  #peak(product: (lag: number, i: number) => number, from: number, to: number, stride: number): number {
    let best = to;
    let most = 0;
    for (let lag = from; lag <= to; lag += stride) {
      let sum = 0;
      for (let i = 0; i < this.#maxPeriod; i += stride) sum += product(lag, i);
      if (sum <= most) continue;
      most = sum;
      best = lag;
    }
    return best;
  }

  /** Leaves out (`off` > 0) or puts in one period, where there is voice around. */
  #splice(off: number): void {
    if (this.#rest > 0 || this.#gap > 0 || this.#back > 0 || this.#fadeLeft > 0) return;
    this.#rest = this.#maxPeriod;
    const from = Math.floor(this.#read);
    const sign = off > 0 ? 1 : -1;
    const mask = this.#size - 1;
    const period = this.#likest(
      (lag, i) => this.#ring[(from + i) & mask]! * this.#ring[(from + sign * lag + i) & mask]!,
    );
    // Less would go over the mark, and back again.
    if (Math.abs(off) < 0.75 * period) return;
    const [first, last] = sign > 0 ? [from, from + 2 * period] : [from - period, from + period];
    for (let at = first; at <= last; at += this.#minPeriod) if (!this.#has(at)) return;
    this.#fadeFrom = this.#read;
    this.#fadeLength = this.#fadeLeft = period;
    this.#read += sign * period;
    this.#rest = period / MAX_STRETCH;
    this.counts.splices += 1;
  }

  #jump(target: number): void {
    if (target < this.#read) this.#read = target;
    this.#skipTo(target);
    this.#fadeLeft = 0;
    this.counts.jumps += 1;
  }

  #skipTo(position: number): void {
    if (!(position > this.#read)) return;
    const from = Math.floor(this.#read);
    this.#forget(from, Math.min(Math.floor(position), from + this.#size));
    this.#read = position;
  }
}

/** Loudness of a concealment so long after the voice broke off, s. */
function fade(seconds: number): number {
  if (seconds <= CONCEAL_WHOLE_SECONDS) return 1;
  return Math.max(0, 1 - (seconds - CONCEAL_WHOLE_SECONDS) / (CONCEAL_SECONDS - CONCEAL_WHOLE_SECONDS));
}
