import { Patience } from './patience.ts';
import type { Tuning } from './tuning.ts';

/**
 * What is given up for a path that does not carry it all, each step with those before: 1 since_key becomes repeat, 2 no
 * repair and at least three voice packets a datagram, 3 four, and low voice is asked for, 4 motion keys only, 5 voice only,
 * 6 to 8 half, a quarter, an eighth of the livers.
 */
export type Level = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** Nothing is left to give up with one liver, and only voice. */
const VOICE_ONLY: Level = 5;

/** The last step of the ladder for a room with so many livers. */
export function lastLevel(livers: number): Level {
  return Math.min(8, VOICE_ONLY + Math.ceil(Math.log2(Math.max(1, livers)))) as Level;
}

/** How many of so many livers are heard at a level. */
export function heardLivers(livers: number, level: Level): number {
  return Math.max(1, livers >> Math.max(0, level - VOICE_ONLY));
}

export interface CongestionSigns {
  rttMs: number;
  minRttMs: number;
  /** Since the last step. */
  sent: number;
  dropped: number;
  /** Share of packets lost over the last seconds. */
  recentLoss: number;
  queueBytes: number;
}

const BASE_WINDOW_MS = 15_000;
/** A base may grow only while less than this gets lost: a queue that stands and overflows is no route. */
const BASE_LOSS = 0.01;
/** When everything is given up for so long and nothing got better, it is not ours to mend: the path has changed. */
const FUTILE_MS = 10_000;
const NOISE_MS = 10_000;
/** Round trip above its base from which a rise counts. */
const QUEUE_MS = 40;
/** A queue grows for more steps than a longer route takes to show: so many, each by so much, and out of the noise. */
const RISES = 3;
const RISE_MS = 5;
const RISE_NOISE = 1.5;
/** With losses a queue that stands is congestion without rising: it is full. */
const FULL_QUEUE_MS = 80;
const FULL_QUEUE_LOSS = 0.05;
const DROPS = 2;
const DROP_SHARE = 0.02;
/** About four datagrams that the window does not let go. */
const WAITING_BYTES = 4000;
/**
 * A burst of losses makes the window small for a moment, and datagrams are dropped that the path would carry. So drops
 * count together with a queue, or in five of the last six steps.
 */
const DROP_STEPS = 5;
const STEPS_KEPT = 0b11_1111;

/** Congestion of one path from delay gradient, loss under delay, and drops at the sender's own queue. */
export class Congestion {
  readonly #tuning: Tuning;
  readonly #patience: Patience;
  #level: Level = 0;
  #worseMs = Number.NEGATIVE_INFINITY;
  #rttMs: number | undefined;
  #noiseMs = 0;
  #rises = 0;
  /** A bit a step, the newest lowest: whether datagrams were dropped or waited. */
  #dropSteps = 0;
  /** Round trip without a queue. */
  #baseMs = Number.POSITIVE_INFINITY;
  #windowLeastMs = Number.POSITIVE_INFINITY;
  #windowMs = Number.NaN;

  constructor(tuning: Tuning) {
    this.#tuning = tuning;
    this.#patience = new Patience(tuning.recoverMs, tuning.maxRecoverMs);
  }

  get level(): Level {
    return this.#level;
  }

  /** `repairs`: whether there is repair that step 1 would make less. `last`: the ladder ends there. */
  update(signs: CongestionSigns, stepMs: number, nowMs: number, repairs: boolean, last: Level = VOICE_ONLY): Level {
    this.#level = Math.min(this.#level, last) as Level;
    if (!this.#congested(signs, stepMs, nowMs)) {
      if (this.#patience.ready(this.#level > 0, nowMs)) this.#level = (this.#level - 1) as Level;
      return this.#level;
    }
    this.#patience.ready(false, nowMs);
    if (this.#level === last) {
      if (nowMs - this.#worseMs >= FUTILE_MS) this.#baseMs = signs.rttMs;
      return last;
    }
    if (nowMs - this.#worseMs < this.#tuning.worseMs) return this.#level;
    this.#patience.failed(nowMs);
    this.#worseMs = nowMs;
    this.#level = (this.#level === 0 && !repairs ? 2 : this.#level + 1) as Level;
    return this.#level;
  }

  #congested(signs: CongestionSigns, stepMs: number, nowMs: number): boolean {
    const { rttMs, sent, dropped, recentLoss, queueBytes } = signs;
    const riseMs = rttMs - (this.#rttMs ?? rttMs);
    this.#rttMs = rttMs;
    this.#rises = riseMs > Math.max(RISE_MS, RISE_NOISE * this.#noiseMs) ? this.#rises + 1 : 0;
    this.#noiseMs += (Math.abs(riseMs) - this.#noiseMs) * (1 - Math.exp(-stepMs / NOISE_MS));
    const queueMs = rttMs - this.#base(signs, nowMs);
    const stuck = (dropped >= DROPS && dropped >= DROP_SHARE * sent) || queueBytes > WAITING_BYTES;
    this.#dropSteps = ((this.#dropSteps << 1) | Number(stuck)) & STEPS_KEPT;
    if (stuck && (queueMs > QUEUE_MS || ones(this.#dropSteps) >= DROP_STEPS)) return true;
    if (queueMs > FULL_QUEUE_MS && recentLoss > FULL_QUEUE_LOSS) return true;
    return queueMs > QUEUE_MS && this.#rises >= RISES;
  }

  /** The least seen; it follows a route that became longer after a window without losses. */
  #base({ rttMs, minRttMs, recentLoss }: CongestionSigns, nowMs: number): number {
    if (this.#baseMs === Number.POSITIVE_INFINITY) this.#baseMs = minRttMs;
    if (recentLoss > BASE_LOSS || Number.isNaN(this.#windowMs)) this.#windowMs = nowMs;
    if (nowMs === this.#windowMs) this.#windowLeastMs = rttMs;
    this.#windowLeastMs = Math.min(this.#windowLeastMs, rttMs);
    if (nowMs - this.#windowMs >= BASE_WINDOW_MS) {
      this.#baseMs = this.#windowLeastMs;
      this.#windowLeastMs = rttMs;
      this.#windowMs = nowMs;
    }
    this.#baseMs = Math.min(this.#baseMs, rttMs);
    return this.#baseMs;
  }
}

function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
