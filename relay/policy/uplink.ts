import type { RepairKind } from '@hayate/codec/messages';
import { UplinkLag } from './lag.ts';
import { LossEstimate } from './loss.ts';
import { RepairNeed } from './repair.ts';
import type { Tuning } from './tuning.ts';

/** What the relay counted of one publisher. Counts grow; the lag is that of the last second. */
export interface UplinkCounts {
  received: number;
  lost: number;
  duplicate: number;
  /** Of the two above, the voice units; undefined: not counted apart. */
  voice?: { received: number; duplicate: number };
  /** For people only. */
  lagP50Ms?: number;
  lagP99Ms: number;
  uncertaintyMs: number;
}

/** What is asked of a publisher, as the fields of `uplink`. */
export interface UplinkAsk {
  holdMs: number;
  repair: RepairKind;
  spacingMs: number;
  voiceBitrate?: number;
}

/** What the room's viewers need of a publisher. */
export interface ViewersNeed {
  /** The least spare time of a viewer, reports left out; undefined without viewers. NaN: not known. */
  leastSpareMs: number | undefined;
  /** Most of them have a path that does not carry the voice. */
  lowVoice: boolean;
}

/** Below this a viewer needs motion at once; it waits again only with some more for some time. */
const HOLD_SPARE_MS = 20;
const HOLD_AGAIN_MS = 3000;
const MAX_HOLD_MS = 20;
const LOW_VOICE_BITRATE = 12_000;
const LOW_VOICE_MS = 10_000;
/** Fewer duplicates than this, and the publisher does not repeat: an older client. */
const REPEATS = 0.5;

/** Loss, lag and what is asked of one publisher, once a second. */
export class UplinkPolicy {
  readonly lag = new UplinkLag();
  readonly #loss = new LossEstimate();
  readonly #need: RepairNeed;
  #counts: UplinkCounts | undefined;
  #atMs = 0;
  #shortMs = Number.NEGATIVE_INFINITY;
  #lowVoiceMs = Number.NEGATIVE_INFINITY;

  constructor(tuning: Tuning) {
    const { uplinkHeavyLoss: heavyLoss, uplinkHeavyEndLoss: heavyEndLoss } = tuning;
    this.#need = new RepairNeed({ ...tuning, heavyLoss, heavyEndLoss });
  }

  /** Estimated share of its datagrams that get lost, repaired or not. */
  get loss(): number {
    return this.#loss.rate;
  }

  /** `frameMs`: length of its voice packets; undefined without voice. */
  ask(counts: UplinkCounts, frameMs: number | undefined, viewers: ViewersNeed, nowMs: number): UplinkAsk {
    this.learn(counts, nowMs);
    const { leastSpareMs, lowVoice } = viewers;
    if (leastSpareMs !== undefined && !(leastSpareMs >= HOLD_SPARE_MS)) this.#shortMs = nowMs;
    if (lowVoice) this.#lowVoiceMs = nowMs;
    const repair = this.#need.kind;
    return {
      holdMs: frameMs !== undefined && nowMs - this.#shortMs >= HOLD_AGAIN_MS ? Math.min(MAX_HOLD_MS, frameMs) : 0,
      repair,
      spacingMs: repair === 'none' ? 0 : Math.round((frameMs ?? MAX_HOLD_MS) / 2),
      ...(nowMs - this.#lowVoiceMs < LOW_VOICE_MS ? { voiceBitrate: LOW_VOICE_BITRATE } : {}),
    };
  }

  /** Of a liver at another relay: of it nothing can be asked here. */
  learn(counts: UplinkCounts, nowMs: number): void {
    const before = this.#counts;
    const stepMs = nowMs - this.#atMs;
    this.#counts = counts;
    this.#atMs = nowMs;
    if (counts.lagP99Ms > 0) this.lag.add(counts.lagP99Ms, counts.uncertaintyMs);
    if (!before) return;
    const received = Math.max(0, counts.received - before.received);
    const lost = Math.max(0, counts.lost - before.lost);
    this.#loss.add(received + lost, Math.max(lost, this.#repairedLoss(before, counts) * (received + lost)), stepMs);
    this.#need.update(this.#loss.rate, this.#loss.bursty, nowMs);
  }

  /**
   * Share of datagrams lost that repeats hide. Each unit sent twice and each copy lost with p: (1 - p) / (1 + p) duplicates
   * for one received unit. Of since_key this holds for voice alone; without voice its need ends by patience.
   */
  #repairedLoss(before: UplinkCounts, now: UplinkCounts): number {
    const { kind } = this.#need;
    const [from, to] = kind === 'since_key' ? [before.voice, now.voice] : [before, now];
    if (kind === 'none' || !from || !to) return 0;
    const received = to.received - from.received;
    const duplicate = to.duplicate - from.duplicate;
    if (received <= 0 || duplicate < REPEATS * received) return 0;
    const share = Math.min(1, duplicate / received);
    return (1 - share) / (1 + share);
  }
}
