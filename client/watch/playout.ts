import type { MotionFrame } from '@hayate/codec/motion';

export interface PlayoutOptions {
  /** Nominal frames a second of the liver's motion. Default 60. */
  fps?: number;
  /** Least delay after capture, ms: the lag budget spent when the network needs less. Default 0. */
  minDelayMs?: number;
  /** The delay is never more than this above the least lag seen, however late stragglers come. Default 60 ms. */
  maxJitterMs?: number;
  /** Silence after which the face eases to rest. Default 150 ms. */
  restAfterMs?: number;
}

/** A `WatchedFrame` or `WatchedVoice`, as far as its time goes. */
export interface PlayoutUnit {
  captureMs: number;
  receivedMs: number;
  /** Units of before the viewer came do not move the delay. */
  backlog?: boolean;
}

export interface Pose {
  /** As `MotionFrame.values`; reused by the next call. */
  values: Float32Array;
  /** False while the tracker sees no face: after `restAfterMs` of that the values ease to rest. */
  face: boolean;
  /** `exact` on a frame, `between` two, `ahead` of the newest, `rest`: easing to or at rest. */
  kind: 'exact' | 'between' | 'ahead' | 'rest';
  /** Capture instant that is shown, ms in the viewer's clock. */
  captureMs: number;
  /** now - capture: the lag that the eye gets. */
  lagMs: number;
}

/** Half of the lags of 4 s at 60 fps. */
const WINDOW = 128;
const HISTORY = 16;
/** The delay shrinks slowly, so that a pause in trouble does not make it swing; it grows at once. */
const SHRINK_MS_PER_S = 8;
/** Extrapolated motion runs out: velocity decays with this time constant. */
const DAMPING_MS = 30;
const EASE_MS = 250;
/** Below this a frame counts as shown exactly. */
const EXACT_MS = 0.5;
/** Indices of values that are shares (0..1); the rest are angles and signed extras. */
const BLENDSHAPES = 52;

interface Held {
  captureMs: number;
  face: boolean;
  values: Float32Array;
}

/**
 * When to show what: one liver's face and voice on one delay. Pure; `nowMs` and all times are the viewer's clock.
 *
 * The delay follows the 95th percentile of the lag (capture to arrival). A steady error of the clock estimate is part
 * of every lag alike, so it cancels.
 */
export class PlayoutClock {
  readonly #frameMs: number;
  readonly #minDelayMs: number;
  readonly #maxJitterMs: number;
  readonly #restAfterMs: number;
  readonly #lags = new Float64Array(WINDOW);
  readonly #sorted = new Float64Array(WINDOW);
  #lagCount = 0;
  #delayMs = 0;
  #adaptedMs = Number.NEGATIVE_INFINITY;
  /** Oldest first. */
  readonly #frames: Held[] = [];
  /** Capture time of the first frame without a face since the last one with. */
  #faceLostMs: number | undefined;
  #pose: Pose | undefined;
  #lateVoice = 0;

  constructor(options: PlayoutOptions = {}) {
    this.#frameMs = 1000 / (options.fps ?? 60);
    this.#minDelayMs = options.minDelayMs ?? 0;
    this.#maxJitterMs = options.maxJitterMs ?? 60;
    this.#restAfterMs = options.restAfterMs ?? 150;
  }

  /** Capture to presentation, ms. 0 before the first unit. */
  get delayMs(): number {
    return this.#delayMs;
  }

  /** Voice packets that came after their time. */
  get lateVoice(): number {
    return this.#lateVoice;
  }

  /** Copies what it keeps. Frames may come late: they then only fill the past. */
  pushFrame(unit: PlayoutUnit & { frame: MotionFrame }): void {
    this.#observe(unit);
    const { captureMs, frame } = unit;
    let at = this.#frames.length;
    while (at > 0 && this.#frames[at - 1]!.captureMs > captureMs) at -= 1;
    if (at > 0 && this.#frames[at - 1]!.captureMs === captureMs) return;
    if (at === 0 && this.#frames.length >= HISTORY) return;
    const held = this.#frames.length >= HISTORY ? this.#frames.shift()! : undefined;
    if (held) at -= 1;
    const values = held?.values.length === frame.values.length ? held.values : new Float32Array(frame.values.length);
    values.set(frame.values);
    this.#frames.splice(at, 0, { captureMs, face: frame.face, values });
    if (at < this.#frames.length - 1) return;
    this.#faceLostMs = frame.face ? undefined : (this.#faceLostMs ?? captureMs);
  }

  /**
   * When the packet's first sample should sound, ms. Undefined when that has passed: late voice is dropped.
   * Schedule on the audio clock by the difference to `nowMs`.
   */
  voiceTime(unit: PlayoutUnit, nowMs: number): number | undefined {
    this.#observe(unit);
    const playMs = unit.captureMs + this.#delayMs;
    if (playMs < nowMs - 1) {
      this.#lateVoice += 1;
      return undefined;
    }
    return playMs;
  }

  /** The pose to draw at `nowMs`; undefined before the first frame. */
  sample(nowMs: number): Pose | undefined {
    const newest = this.#frames.at(-1);
    if (!newest) return undefined;
    const targetMs = nowMs - this.#delayMs;
    const pose = this.#poseFor(newest.values.length);
    const silentMs = targetMs - newest.captureMs;
    if (silentMs > this.#restAfterMs) {
      this.#extrapolate(pose.values, this.#restAfterMs);
      ease(pose, silentMs - this.#restAfterMs);
      pose.face = newest.face;
      pose.captureMs = newest.captureMs;
    } else if (silentMs > EXACT_MS) {
      pose.kind = 'ahead';
      this.#extrapolate(pose.values, silentMs);
      pose.face = newest.face;
      pose.captureMs = targetMs;
    } else {
      this.#between(pose, targetMs);
    }
    if (!pose.face && pose.kind !== 'rest' && this.#faceLostMs !== undefined) {
      ease(pose, targetMs - this.#faceLostMs - this.#restAfterMs);
    }
    pose.lagMs = nowMs - pose.captureMs;
    return pose;
  }

  /** After a new generation: the past belongs to someone else. */
  reset(): void {
    this.#frames.length = 0;
    this.#lagCount = 0;
    this.#delayMs = 0;
    this.#adaptedMs = Number.NEGATIVE_INFINITY;
    this.#faceLostMs = undefined;
    this.#pose = undefined;
  }

  #observe({ captureMs, receivedMs, backlog }: PlayoutUnit): void {
    if (backlog) return;
    this.#lags[this.#lagCount % WINDOW] = receivedMs - captureMs;
    this.#lagCount += 1;
    const count = Math.min(this.#lagCount, WINDOW);
    const sorted = this.#sorted.subarray(0, count);
    sorted.set(this.#lags.subarray(0, count));
    sorted.sort();
    const p95 = sorted[Math.min(count - 1, Math.ceil(count * 0.95) - 1)]!;
    const wanted = Math.max(this.#minDelayMs, Math.min(p95, sorted[0]! + this.#maxJitterMs));
    if (wanted >= this.#delayMs || this.#lagCount === 1) {
      this.#delayMs = wanted;
    } else {
      const elapsedMs = Math.max(0, receivedMs - this.#adaptedMs);
      this.#delayMs = Math.max(wanted, this.#delayMs - (elapsedMs / 1000) * SHRINK_MS_PER_S);
    }
    this.#adaptedMs = Math.max(this.#adaptedMs, receivedMs);
  }

  #poseFor(length: number): Pose {
    if (this.#pose?.values.length !== length) {
      this.#pose = { values: new Float32Array(length), face: true, kind: 'exact', captureMs: 0, lagMs: 0 };
    }
    return this.#pose;
  }

  #between(pose: Pose, targetMs: number): void {
    let after = this.#frames.length - 1;
    while (after > 0 && this.#frames[after - 1]!.captureMs >= targetMs) after -= 1;
    const next = this.#frames[after]!;
    const previous = this.#frames[after - 1];
    const onNext = !previous || next.captureMs - targetMs <= EXACT_MS;
    // Before the oldest known frame, on a frame, or across a gap or a lost face: a frame as it is.
    if (
      onNext ||
      targetMs - previous.captureMs <= EXACT_MS ||
      !(previous.face && next.face) ||
      next.captureMs - previous.captureMs > this.#restAfterMs
    ) {
      const shown = onNext ? next : previous;
      pose.values.set(shown.values);
      pose.face = shown.face;
      pose.kind = 'exact';
      pose.captureMs = shown.captureMs;
      return;
    }
    const share = (targetMs - previous.captureMs) / (next.captureMs - previous.captureMs);
    for (let i = 0; i < pose.values.length; i++) {
      const from = previous.values[i]!;
      pose.values[i] = from + (next.values[i]! - from) * share;
    }
    pose.face = true;
    pose.kind = 'between';
    pose.captureMs = targetMs;
  }

  /** `aheadMs` past the newest frame, by its velocity, damped. */
  #extrapolate(into: Float32Array, aheadMs: number): void {
    const newest = this.#frames.at(-1)!;
    const previous = this.#frames.at(-2);
    into.set(newest.values);
    if (!previous?.face || !newest.face) return;
    const stepMs = newest.captureMs - previous.captureMs;
    // A velocity over a gap says nothing about now.
    if (stepMs > this.#frameMs * 3) return;
    const reachMs = DAMPING_MS * (1 - Math.exp(-aheadMs / DAMPING_MS));
    for (let i = 0; i < into.length; i++) {
      const moved = newest.values[i]! + ((newest.values[i]! - previous.values[i]!) / stepMs) * reachMs;
      into[i] = i < BLENDSHAPES ? Math.min(1, Math.max(0, moved)) : moved;
    }
  }
}

/** Turns the pose towards rest, `sinceMs` after the easing began. Negative: not yet. */
function ease(pose: Pose, sinceMs: number): void {
  if (sinceMs <= 0) return;
  const share = Math.min(1, sinceMs / EASE_MS);
  // Smoothstep: no jerk at either end.
  const keep = 1 - share * share * (3 - 2 * share);
  for (let i = 0; i < pose.values.length; i++) pose.values[i] = pose.values[i]! * keep;
  pose.kind = 'rest';
}
