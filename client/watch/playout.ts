import type { MotionFrame } from '@hayate/codec/motion';
import { type Pose, PoseTrack } from './pose.ts';
import { PlayoutSchedule, type PlayoutStats, type PlayoutUnit, type ScheduleOptions } from './schedule.ts';

/** How a `PlayoutClock` waits, extrapolates and rests. */
export interface PlayoutOptions extends ScheduleOptions {
  /** Nominal frames a second of the liver's motion. Default 60. */
  fps?: number;
  /** Silence after which the face eases to rest. Default 150 ms. */
  restAfterMs?: number;
}

/** When to show what: one liver's face and voice. Pure; `nowMs` and all times are the viewer's clock, ms. */
export class PlayoutClock {
  readonly #schedule: PlayoutSchedule;
  readonly #track: PoseTrack;
  readonly #restAfterMs: number;
  /** When the newest frame came; undefined before the first. */
  #lastMs: number | undefined;
  #firstMs: number | undefined;
  #stalls = 0;

  constructor(options: PlayoutOptions = {}) {
    this.#schedule = new PlayoutSchedule(options);
    this.#restAfterMs = options.restAfterMs ?? 150;
    this.#track = new PoseTrack(1000 / (options.fps ?? 60), this.#restAfterMs);
  }

  /** When the first frame came; undefined before. */
  get firstMs(): number | undefined {
    return this.#firstMs;
  }

  /** Times that no frame came for so long that the face went to rest. */
  get stalls(): number {
    return this.#stalls;
  }

  /** Capture to presentation of the face. 0 before the first unit. */
  get delayMs(): number {
    return this.#schedule.delayMs;
  }

  /** Of the voice: as the face, or up to 40 ms more where late packets ask for it. */
  get voiceDelayMs(): number {
    return this.#schedule.voiceDelayMs;
  }

  /** Voice packets that came after their time. */
  get lateVoice(): number {
    return this.#schedule.lateVoice;
  }

  /** As in `PlayoutStats`; NaN while nothing came. */
  get marginMs(): number {
    return this.#schedule.marginMs;
  }

  /** Capture to the eye and the ear, whichever is later. */
  get presentedMs(): number {
    return this.#schedule.presentedMs;
  }

  /** Frames and packets that were not there when they were due. */
  get missed(): number {
    return this.#schedule.missed;
  }

  /** As the control stream tells it. */
  setFps(fps: number): void {
    this.#track.setFrameMs(1000 / fps);
  }

  /** Copies what it keeps. Frames may come late: they then only fill the past, and stale ones not even that. */
  pushFrame(unit: PlayoutUnit & { frame: MotionFrame }): void {
    this.#schedule.arrive('motion', unit);
    if (this.#lastMs !== undefined && unit.receivedMs - this.#lastMs > this.#restAfterMs) this.#stalls += 1;
    this.#lastMs = unit.receivedMs;
    this.#firstMs ??= unit.receivedMs;
    if (this.#schedule.stale(unit.captureMs, unit.decodedMs ?? unit.receivedMs) && !unit.backlog) return;
    this.#track.push(unit.captureMs, unit.frame);
  }

  /**
   * When the packet's first sample should sound. Undefined when that has passed: late voice is dropped. Once a packet;
   * schedule on the audio clock by the difference to `nowMs`.
   */
  voiceTime(unit: PlayoutUnit, nowMs: number): number | undefined {
    return this.#schedule.arrive('voice', unit, nowMs);
  }

  /** The pose to draw at `nowMs`; undefined before the first frame. */
  sample(nowMs: number): Pose | undefined {
    this.#schedule.advance(nowMs);
    const pose = this.#track.at(nowMs - this.#schedule.delayMs);
    if (pose) pose.lagMs = nowMs - pose.captureMs;
    return pose;
  }

  /** Since the last reset. */
  stats(): PlayoutStats {
    return this.#schedule.stats();
  }

  /** After a new generation: the past belongs to someone else. */
  reset(): void {
    this.#schedule.reset();
    this.#track.clear();
    this.#lastMs = undefined;
  }
}
