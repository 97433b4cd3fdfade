import type { MotionFrame } from '@hayate/codec/motion';

/** A face at one instant, to be drawn. */
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

const HISTORY = 16;
/**
 * Extrapolated motion runs out, as in the codec's `conceal`: the velocity halves in so long. Of half-lives from none to
 * 50 ms this one is nearest to five recordings at 60 and at 30 fps, one to five frames ahead.
 */
const HALF_LIFE_MS = 20;
const EASE_MS = 250;
/** Below this a frame counts as shown exactly. */
const EXACT_MS = 0.5;
/** Indices of values that are shares (0..1); the rest are angles and signed extras. */
const BLENDSHAPES = 52;
/** What an estimate was off by dies away with this time constant once the truth is there, */
const MEND_MS = 25;
/** unless it was off by less than this on every channel: then nobody sees the step. */
const MEND_FROM = 0.02;

interface Held {
  captureMs: number;
  face: boolean;
  values: Float32Array;
}

/** The last frames of one face, and the pose at any instant near them. No clock: instants are capture times, ms. */
export class PoseTrack {
  #frameMs: number;
  readonly #restAfterMs: number;
  /** Oldest first. */
  readonly #frames: Held[] = [];
  /** Capture time of the first frame without a face since the last one with. */
  #faceLostMs: number | undefined;
  #pose: Pose | undefined;
  #error = new Float32Array(0);
  #mending = false;
  #mendedMs = 0;
  #arrived = false;
  /** What was shown last went beyond the newest frame of then. */
  #beyond = false;
  #targetMs = Number.NEGATIVE_INFINITY;

  constructor(frameMs: number, restAfterMs: number) {
    this.#frameMs = frameMs;
    this.#restAfterMs = restAfterMs;
  }

  setFrameMs(frameMs: number): void {
    this.#frameMs = frameMs;
  }

  /** Copies what it keeps. Frames may come late: they then only fill the past. */
  push(captureMs: number, frame: MotionFrame): void {
    let at = this.#frames.length;
    while (at > 0 && this.#frames[at - 1]!.captureMs > captureMs) at -= 1;
    if (at > 0 && this.#frames[at - 1]!.captureMs === captureMs) return;
    if (at === 0 && this.#frames.length >= HISTORY) return;
    const held = this.#frames.length >= HISTORY ? this.#frames.shift()! : undefined;
    if (held) at -= 1;
    const values = held?.values.length === frame.values.length ? held.values : new Float32Array(frame.values.length);
    values.set(frame.values);
    this.#frames.splice(at, 0, { captureMs, face: frame.face, values });
    this.#arrived = true;
    if (at < this.#frames.length - 1) return;
    this.#faceLostMs = frame.face ? undefined : (this.#faceLostMs ?? captureMs);
  }

  /** The pose of the instant; undefined before the first frame. Its `lagMs` is left to the caller. */
  at(targetMs: number): Pose | undefined {
    const newest = this.#frames.at(-1);
    if (!newest) return undefined;
    const pose = this.#poseFor(newest.values.length);
    const guessed = this.#beyond && this.#arrived;
    this.#arrived = false;
    const passedMs = targetMs - this.#targetMs;
    this.#targetMs = targetMs;
    if (guessed || this.#mending) this.#error.set(pose.values);
    this.#model(pose, newest, targetMs);
    // A caller that goes back in time asks for that instant, not for a film.
    if (passedMs < 0) this.#mending = false;
    else if (guessed || this.#mending) this.#mend(pose, passedMs, guessed);
    return pose;
  }

  clear(): void {
    this.#frames.length = 0;
    this.#faceLostMs = undefined;
    this.#pose = undefined;
    this.#mending = false;
    this.#arrived = false;
    this.#beyond = false;
    this.#targetMs = Number.NEGATIVE_INFINITY;
  }

  #poseFor(length: number): Pose {
    if (this.#pose?.values.length !== length) {
      this.#pose = { values: new Float32Array(length), face: true, kind: 'exact', captureMs: 0, lagMs: 0 };
      this.#error = new Float32Array(length);
      this.#mending = false;
    }
    return this.#pose;
  }

  #model(pose: Pose, newest: Held, targetMs: number): void {
    const silentMs = targetMs - newest.captureMs;
    this.#beyond = silentMs > EXACT_MS;
    if (silentMs > this.#restAfterMs) {
      this.#extrapolate(pose.values, this.#restAfterMs);
      pose.kind = 'ahead';
      ease(pose, silentMs - this.#restAfterMs);
      pose.face = newest.face;
      pose.captureMs = newest.captureMs;
    } else if (this.#beyond) {
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
    // On whole frames the sum of a velocity that is less by `kept` at each.
    const kept = 0.5 ** (this.#frameMs / HALF_LIFE_MS);
    const reachMs = ((this.#frameMs * kept) / (1 - kept)) * (1 - 0.5 ** (aheadMs / HALF_LIFE_MS));
    for (let i = 0; i < into.length; i++) {
      const moved = newest.values[i]! + ((newest.values[i]! - previous.values[i]!) / stepMs) * reachMs;
      into[i] = i < BLENDSHAPES ? Math.min(1, Math.max(0, moved)) : moved;
    }
  }

  /** `#error` holds the values shown before; `pose` those of the model. */
  #mend(pose: Pose, passedMs: number, guessed: boolean): void {
    const { values } = pose;
    if (guessed) this.#mendedMs = 0;
    this.#mendedMs += passedMs;
    const keep = Math.exp(-passedMs / MEND_MS);
    let most = 0;
    for (let i = 0; i < values.length; i++) {
      const error = (this.#error[i]! - values[i]!) * keep;
      most = Math.max(most, Math.abs(error));
      this.#error[i] = error;
    }
    this.#mending = most >= MEND_FROM && this.#mendedMs < 5 * MEND_MS;
    if (!this.#mending) return;
    for (let i = 0; i < values.length; i++) values[i] = values[i]! + this.#error[i]!;
    if (pose.kind === 'exact') pose.kind = 'between';
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
