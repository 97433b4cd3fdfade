import { PlayoutClock } from '@hayate/client';
import type { Arrival } from './stream-log.ts';
import { FPS, OPUS_LOOKAHEAD_MS, type Sent } from './stream-plan.ts';

/** One motion frame is nobody's face here: only its times matter. */
const FACE = { face: true, values: new Float32Array(61) };

/** What the eyes and ears of one group of viewers got. Lags in ms against the liver's own capture times. */
export class Presented {
  readonly voiceLags: number[] = [];
  readonly motionLags: number[] = [];
  /** Voice later than the face by so much, ms; negative: it leads. */
  readonly skews: number[] = [];
  voiceSent = 0;
  voicePlayed = 0;
  /** Arrived after its time had come. */
  voiceLate = 0;
  motionSent = 0;
  motionArrived = 0;
  /** Shown as the liver meant it, before any newer frame. */
  motionExact = 0;

  summary() {
    const ratio = (part: number, whole: number) => (whole === 0 ? null : Number((part / whole).toFixed(5)));
    return {
      presentation_lag_ms: { voice: percentiles(this.voiceLags), motion: percentiles(this.motionLags) },
      exact_ratio: ratio(this.motionExact, this.motionSent),
      motion_arrived_ratio: ratio(this.motionArrived, this.motionSent),
      voice_gap_ratio: ratio(this.voiceSent - this.voicePlayed, this.voiceSent),
      voice_late_ratio: ratio(this.voiceLate, this.voiceSent),
      skew_ms: { p1: at(sorted(this.skews), 0.01), p99: at(sorted(this.skews), 0.99) },
    };
  }
}

const sorted = (values: readonly number[]) => Float64Array.from(values).sort();
const at = (values: Float64Array, q: number) =>
  values.length === 0 ? null : Number(values[Math.floor((values.length - 1) * q)]!.toFixed(2));

export function percentiles(values: readonly number[]) {
  const order = sorted(values);
  return { p50: at(order, 0.5), p95: at(order, 0.95), p99: at(order, 0.99), max: at(order, 1) };
}

/**
 * Replays one viewer's arrivals of one slot in virtual time through the client's own playout. A frame shows at its time, or
 * when it came, if nothing newer showed before; a voice packet sounds at its time or not at all. Units captured outside
 * [fromUs, toUs) move the playout but are not counted.
 */
export function present(into: Presented, arrivals: Iterable<Arrival>, sent: Sent, fromUs: number, toUs: number): void {
  const clock = new PlayoutClock({ fps: FPS });
  const counted = (us: number | undefined): us is number => us !== undefined && us >= fromUs && us < toUs;
  for (const us of sent.motion) if (counted(us)) into.motionSent += 1;
  for (const us of sent.voice) if (counted(us)) into.voiceSent += 1;

  // A frame that is due, until it is known whether a newer one showed no later.
  let pending: { shownMs: number; lagMs: number; counted: boolean } | undefined;
  let faceLagMs: number | undefined;
  const settle = (newerShownMs: number) => {
    if (pending && pending.shownMs < newerShownMs) {
      faceLagMs = pending.lagMs;
      if (pending.counted) {
        into.motionExact += 1;
        into.motionLags.push(pending.lagMs);
      }
    }
    pending = undefined;
  };
  const show = ({ sequence, captureUs, arrivedUs }: Arrival, nowMs: number) => {
    clock.pushFrame({ captureMs: captureUs / 1000, receivedMs: arrivedUs / 1000, frame: FACE });
    const shownMs = Math.max(nowMs, captureUs / 1000 + clock.delayMs);
    settle(shownMs);
    const trueUs = sent.motion[sequence];
    if (trueUs === undefined) return;
    pending = { shownMs, lagMs: shownMs - trueUs / 1000, counted: counted(trueUs) };
  };

  const chain = new Chain(show);
  for (const unit of arrivals) {
    if (unit.slot !== sent.slot) continue;
    const nowMs = unit.arrivedUs / 1000;
    if (unit.kind === 0) {
      if (counted(sent.motion[unit.sequence])) into.motionArrived += 1;
      chain.push(unit, nowMs);
    } else if (unit.kind === 1) {
      const playMs = clock.voiceTime({ captureMs: unit.captureUs / 1000, receivedMs: nowMs }, nowMs);
      const trueUs = sent.voice[unit.sequence];
      if (!counted(trueUs)) continue;
      if (playMs === undefined) {
        into.voiceLate += 1;
        continue;
      }
      const lagMs = playMs - trueUs / 1000;
      into.voicePlayed += 1;
      into.voiceLags.push(lagMs + OPUS_LOOKAHEAD_MS);
      if (faceLagMs !== undefined) into.skews.push(lagMs - faceLagMs);
    }
  }
  settle(Number.POSITIVE_INFINITY);
}

/** Which motion units can be decoded, and when: a key alone, any other after its predecessor; nothing behind the newest. */
class Chain {
  readonly #show: (unit: Arrival, nowMs: number) => void;
  readonly #waiting = new Map<number, Arrival>();
  #last: number | undefined;

  constructor(show: (unit: Arrival, nowMs: number) => void) {
    this.#show = show;
  }

  push(unit: Arrival, nowMs: number): void {
    if (this.#last !== undefined && unit.sequence <= this.#last) return;
    if (!unit.key && unit.sequence !== (this.#last ?? Number.NaN) + 1) {
      this.#waiting.set(unit.sequence, unit);
      return;
    }
    for (let next: Arrival | undefined = unit; next; next = this.#waiting.get(this.#last + 1)) {
      this.#last = next.sequence;
      this.#show(next, nowMs);
    }
    for (const sequence of this.#waiting.keys()) if (sequence <= this.#last!) this.#waiting.delete(sequence);
  }
}
