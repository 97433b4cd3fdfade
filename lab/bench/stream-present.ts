import { PlayoutSchedule } from '@hayate/client/internal';
import type { Arrival } from './stream-log.ts';
import type { Sent } from './stream-plan.ts';

/** Of the rooms: the relay's default. */
export const BUDGET_MS = 100;

/** What the eyes and ears of one group of viewers got. Lags in ms against the liver's own capture times. */
export class Presented {
  readonly voiceLags: number[] = [];
  readonly motionLags: number[] = [];
  /** Capture to arrival, before any playout. */
  readonly arrivalLags = { voice: [] as number[], motion: [] as number[] };
  /** What the hops' clocks made of the capture time, against the truth: ms, with its sign. */
  readonly clockErrors: number[] = [];
  /** Voice later than the face by so much, ms; negative: it leads. */
  readonly skews: number[] = [];
  voiceSent = 0;
  voicePlayed = 0;
  /** Arrived after its time had come. */
  voiceLate = 0;
  motionSent = 0;
  motionArrived = 0;
  /** There when it was due. */
  motionExact = 0;

  summary() {
    const { voiceSent, voicePlayed, voiceLate, motionSent, motionArrived } = this;
    const ratio = (part: number, whole: number) => (whole === 0 ? null : Number((part / whole).toFixed(5)));
    return {
      presentation_lag_ms: { voice: percentiles(this.voiceLags), motion: percentiles(this.motionLags) },
      arrival_lag_ms: {
        voice: percentiles(this.arrivalLags.voice),
        motion: percentiles(this.arrivalLags.motion),
      },
      clock_error_ms: percentiles(this.clockErrors.map(Math.abs)),
      exact_ratio: ratio(this.motionExact, this.motionSent),
      motion_arrived_ratio: ratio(this.motionArrived, this.motionSent),
      voice_gap_ratio: ratio(this.voiceSent - this.voicePlayed, this.voiceSent),
      voice_late_ratio: ratio(this.voiceLate, this.voiceSent),
      skew_ms: { p1: at(sorted(this.skews), 0.01), p99: at(sorted(this.skews), 0.99) },
      /** Over all viewers that log: sent counts once for each of them. */
      units: { sent: voiceSent + motionSent, arrived: voicePlayed + voiceLate + motionArrived },
    };
  }
}

export type Summary = ReturnType<Presented['summary']>;

const sorted = (values: readonly number[]) => Float64Array.from(values).sort();
const at = (values: Float64Array, q: number) =>
  values.length === 0 ? null : Number(values[Math.floor((values.length - 1) * q)]!.toFixed(2));

export function percentiles(values: readonly number[]) {
  const order = sorted(values);
  return { p50: at(order, 0.5), p95: at(order, 0.95), p99: at(order, 0.99), max: at(order, 1) };
}

/**
 * Replays one viewer's arrivals of one slot in virtual time through the client's own playout: what is there when it is due
 * is presented then. A frame that comes later shows at once if nothing newer did and it is not stale, and does not count as
 * exact; late voice is not heard. Units captured outside [fromUs, toUs) move the playout but are not counted.
 */
export function present(into: Presented, arrivals: Iterable<Arrival>, sent: Sent, fromUs: number, toUs: number): void {
  const schedule = new PlayoutSchedule({ budgetMs: BUDGET_MS });
  const counted = (us: number | undefined): us is number => us !== undefined && us >= fromUs && us < toUs;
  for (const us of sent.motion) if (counted(us)) into.motionSent += 1;
  for (const us of sent.voice) if (counted(us)) into.voiceSent += 1;

  let shownSequence = -1;
  let faceLagMs: number | undefined;
  const show = ({ sequence, captureUs, arrivedUs }: Arrival, decodedMs: number) => {
    const captureMs = captureUs / 1000;
    const unit = { captureMs, receivedMs: arrivedUs / 1000, decodedMs, sequence };
    const dueMs = schedule.arrive('motion', unit);
    const shownMs = dueMs === undefined ? decodedMs : Math.max(dueMs, decodedMs);
    if (sequence < shownSequence || (dueMs === undefined && schedule.stale(captureMs, decodedMs))) return;
    shownSequence = sequence;
    const trueUs = sent.motion[sequence];
    if (!counted(trueUs)) return;
    const lagMs = shownMs - trueUs / 1000;
    into.motionLags.push(lagMs);
    if (dueMs === undefined) return;
    faceLagMs = lagMs;
    into.motionExact += 1;
  };

  const chain = new Chain(show);
  for (const unit of arrivals) {
    if (unit.slot !== sent.slot) continue;
    const nowMs = unit.arrivedUs / 1000;
    const trueUs = unit.kind <= 1 ? sent[unit.kind === 0 ? 'motion' : 'voice'][unit.sequence] : undefined;
    if (counted(trueUs)) {
      into.arrivalLags[unit.kind === 0 ? 'motion' : 'voice'].push((unit.arrivedUs - trueUs) / 1000);
      into.clockErrors.push((unit.captureUs - trueUs) / 1000);
    }
    if (unit.kind === 0) {
      if (counted(trueUs)) into.motionArrived += 1;
      chain.push(unit, nowMs);
    } else if (unit.kind === 1) {
      const arrived = { captureMs: unit.captureUs / 1000, receivedMs: nowMs, sequence: unit.sequence };
      const playMs = schedule.arrive('voice', arrived, nowMs);
      if (!counted(trueUs)) continue;
      if (playMs === undefined) {
        into.voiceLate += 1;
        continue;
      }
      const lagMs = playMs - trueUs / 1000;
      into.voicePlayed += 1;
      into.voiceLags.push(lagMs);
      if (faceLagMs !== undefined) into.skews.push(lagMs - faceLagMs);
    }
  }
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
