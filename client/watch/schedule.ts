import { LagHistogram } from './histogram.ts';
import { LagWindow } from './lag-window.ts';

/** How long what arrives is held back before it is shown. */
export interface ScheduleOptions {
  /** Lag budget of the room: up to 5 ms below it waiting is free; above it only as far as the network makes it. */
  budgetMs?: number;
  /**
   * Nothing is shown or heard later than so long after its capture: where the path is slower, nothing is. Default: the
   * budget and 50 ms; without a budget no limit. 5 ms of it are kept free: the capture time is an estimate.
   */
  maxLagMs?: number;
  /** Least delay after capture, ms. Default 0. */
  minDelayMs?: number;
  /**
   * The delay is never more than this above the least lag, however late stragglers come. Default 60, with a budget 90.
   */
  maxJitterMs?: number;
  /** Voice has to be there so long before its time: for decoding and the way to the audio thread, ms. Default 2. */
  voiceReserveMs?: number;
  /** From the pose to the eye, ms: part of what reports say, not of the delay. Default 0. */
  displayMs?: number;
}

export type UnitKindName = 'motion' | 'voice';

/** One unit, as far as its time goes; ms of the viewer's clock. */
export interface PlayoutUnit {
  /** When it was captured. */
  captureMs: number;
  /** When it arrived. */
  receivedMs: number;
  /** When it could be decoded, for motion that waited for its predecessor. Default: when it was received. */
  decodedMs?: number;
  /** Extended. Without it the unit is not counted in the ratios. */
  sequence?: number;
  /** Units of before the viewer came do not move the delay, and are not counted. */
  backlog?: boolean;
}

/** Of durations, ms; 0 while there are none. */
export interface Percentiles {
  /** Half of them are at most this. */
  p50: number;
  /** 95 of 100 are. */
  p95: number;
  /** 99 of 100 are. */
  p99: number;
}

/** What playout made of one liver's units, since the last reset. */
export interface PlayoutStats {
  /** Capture to presentation now, ms. */
  delayMs: number;
  /** The same of the voice, ms. */
  voiceDelayMs: number;
  /** Frames that were there at their display time, of all from the first to the newest; NaN before the first. */
  exactRatio: number;
  /** Voice packets that were not there when they were to sound, of all from the first to the newest. */
  voiceGapRatio: number;
  /** Frames. */
  motion: KindPlayout;
  /** Packets. */
  voice: KindPlayout;
  /** Voice after face, ms: least and most so far, while both came. Negative: voice led. */
  skewMs: {
    /** Least so far. */
    least: number;
    /** Most so far. */
    most: number;
  };
  /** What the playout adds to the lag of the latest units, display included, ms. */
  marginMs: number;
}

/** Frames or packets against the time when they were due. */
export interface KindPlayout {
  /** From the first to the newest sequence. */
  expected: number;
  /** Were there when they were due. */
  onTime: number;
  /** Came after their time. */
  late: number;
  /** Of those, came after `maxLagMs`. */
  stale: number;
  /** Capture to presentation of those on time. */
  lagMs: Percentiles;
}

/**
 * Kept free below the budget, ms. Of voice less: it is what holds the budget up, being whole only after its last
 * sample.
 */
const RESERVE_MS = { motion: 5, voice: 1.5 };
/** Kept free below the greatest lag: a capture time is right to a few ms. */
const CLOCK_MS = 5;
const MAX_JITTER_MS = 60;
const MAX_BUDGET_JITTER_MS = 90;
const BEYOND_BUDGET_MS = 50;
/** Time runs at most so much slower or faster while the delay changes, share of 1. */
const GROW = 0.1;
const SHRINK = 0.05;
/** A gap in the voice is heard sooner than a frame is missed. */
const MISSING = { motion: 1 / 200, voice: 1 / 500 };
/** While little is known of the network, and inside the budget, the delay is so much longer: */
const START_MS = 25;
/** less and less over so many units. */
const START_UNITS = 256;
/** And always by so much over the slowest of what came: slower ones may come. */
const FREE_MS = 3;
/**
 * The budget is kept while no more than `bearable` of the units miss it. Else a hundredth of the packets missing is as bad
 * as so many hundredths of `priceMs` of lag, frames less so: one that is late is still shown, and lag lasts.
 */
const WORTH = {
  motion: { priceMs: 800, bearable: 0.015, least: START_UNITS },
  voice: { priceMs: 2000, bearable: 0.008, least: START_UNITS },
};
/** Right after the first unit the delay follows at once. */
const SETTLE_MS = 500;
/** Voice may come after the face by so much: it is packets, which are whole only when their last sample was spoken. */
const MAX_BEHIND_FACE_MS = 40;
/** It waits for the face, but while a delay moves it may come before by so much. */
const MAX_BEFORE_FACE_MS = 20;
/** A kind that was not heard for so long binds the other no more. */
const PAUSE_MS = 2000;
/** A sample's time rounds. */
const TOLERANCE_MS = 1;

class Kind {
  readonly window: LagWindow;
  readonly lags = new LagHistogram();
  delayMs = 0;
  wantedMs = 0;
  /** Lag of the units that `wantedMs` waits for. */
  awaitedMs = 0;
  firstMs = Number.NaN;
  heardMs = Number.NEGATIVE_INFINITY;
  newestCaptureMs = Number.NEGATIVE_INFINITY;
  onTime = 0;
  late = 0;
  stale = 0;
  #first: number | undefined;
  #span = 0;

  constructor(name: UnitKindName) {
    this.window = new LagWindow(MISSING[name]);
  }

  get expected(): number {
    return this.#first === undefined ? 0 : this.#span + 1;
  }

  get missed(): number {
    return this.expected - this.onTime;
  }

  get running(): boolean {
    return this.window.count > 0;
  }

  /** Returns false for a unit of before the first one: reordered at the start. */
  count(sequence: number): boolean {
    this.#first ??= sequence;
    const ahead = (sequence - this.#first) | 0;
    if (ahead < 0) return false;
    this.#span = Math.max(this.#span, ahead);
    return true;
  }

  stats(): KindPlayout {
    const { expected, onTime, late, stale, lags } = this;
    const lagMs = { p50: lags.percentile(0.5), p95: lags.percentile(0.95), p99: lags.percentile(0.99) };
    return { expected, onTime, late, stale, lagMs };
  }
}

/**
 * When each unit of one liver is due: a delay after capture for the face and one for the voice, both following what the
 * network does. Pure; `nowMs` and all times are the viewer's clock.
 *
 * Within the room's budget the delay is as long as the slowest unit of the last seconds needs; without a budget as all but
 * one frame in 200 and one packet in 500 need. Where the network does not fit, the budget is a target: the delay goes over
 * it as far as what would be missed is worth more than the lag. A steady error of the clock estimate is part of every lag
 * alike, so it moves nothing against each other. When a delay changes, time runs a little slower or faster and never
 * backwards; where nothing is left to play it stands still.
 */
export class PlayoutSchedule {
  readonly #options: ScheduleOptions;
  readonly #maxLagMs: number;
  #face = new Kind('motion');
  #voice = new Kind('voice');
  #nowMs = Number.NEGATIVE_INFINITY;
  #leastSkewMs = Number.POSITIVE_INFINITY;
  #mostSkewMs = Number.NEGATIVE_INFINITY;

  constructor(options: ScheduleOptions = {}) {
    this.#options = options;
    const { budgetMs, maxLagMs } = options;
    const mostMs = maxLagMs ?? (budgetMs === undefined ? Number.POSITIVE_INFINITY : budgetMs + BEYOND_BUDGET_MS);
    this.#maxLagMs = mostMs - CLOCK_MS;
  }

  /** Capture to presentation of the face, ms. 0 before the first unit. */
  get delayMs(): number {
    return this.#face.running ? this.#face.delayMs : this.#voice.delayMs;
  }

  get voiceDelayMs(): number {
    return this.#voice.running ? this.#voice.delayMs : this.#face.delayMs;
  }

  get lateVoice(): number {
    return this.#voice.late;
  }

  /**
   * Takes one unit, at `nowMs` or when it was decoded. When it is due; undefined: too late, it is not to be presented.
   */
  arrive(kindName: UnitKindName, unit: PlayoutUnit, nowMs?: number): number | undefined {
    const kind = kindName === 'motion' ? this.#face : this.#voice;
    const { captureMs } = unit;
    const availableMs = Math.max(unit.receivedMs, unit.decodedMs ?? Number.NEGATIVE_INFINITY);
    const atMs = Math.max(availableMs, nowMs ?? availableMs);
    const lagMs = availableMs - captureMs;
    // Time has passed by what was known until now: it did not wait for a unit that nobody knew would be late.
    this.advance(atMs);
    if (!unit.backlog) this.#observe(kind, lagMs, availableMs);
    kind.newestCaptureMs = Math.max(kind.newestCaptureMs, captureMs);
    const delayMs = kind.running ? kind.delayMs : this.delayMs;
    const stale = atMs - captureMs > this.#limitMs(kind);
    const onTime = !stale && captureMs + delayMs >= atMs - TOLERANCE_MS;
    if (!unit.backlog && (unit.sequence === undefined || kind.count(unit.sequence))) {
      if (onTime) {
        kind.onTime += 1;
        kind.lags.record(Math.max(delayMs, atMs - captureMs));
      } else {
        kind.late += 1;
        if (stale) kind.stale += 1;
      }
    }
    return onTime ? captureMs + delayMs : undefined;
  }

  /** Whether a unit captured then is still worth anything to the eye. */
  stale(captureMs: number, nowMs: number): boolean {
    return nowMs - captureMs > this.#maxLagMs;
  }

  /** Lets time pass: the delays move. Going back does nothing. */
  advance(nowMs: number): void {
    const passedMs = nowMs - this.#nowMs;
    if (!(passedMs > 0)) return;
    this.#nowMs = nowMs;
    const face = this.#face;
    const voice = this.#voice;
    const both = face.heardMs > nowMs - PAUSE_MS && voice.heardMs > nowMs - PAUSE_MS;
    const faceWanted = both ? Math.max(face.wantedMs, voice.wantedMs - MAX_BEHIND_FACE_MS) : face.wantedMs;
    // For the sake of the face voice goes neither over the budget nor over what it may be late at most.
    const waitsMs = Math.min(faceWanted, this.#freeMs(voice));
    const voiceWanted = both
      ? Math.min(faceWanted + MAX_BEHIND_FACE_MS, Math.max(voice.wantedMs, waitsMs))
      : voice.wantedMs;
    move(voice, voiceWanted, passedMs, nowMs);
    move(face, faceWanted, passedMs, nowMs);
    if (!both) return;
    // Voice decides.
    face.delayMs = Math.min(
      voice.delayMs + MAX_BEFORE_FACE_MS,
      Math.max(voice.delayMs - MAX_BEHIND_FACE_MS, face.delayMs),
    );
    const skewMs = voice.delayMs - face.delayMs;
    this.#leastSkewMs = Math.min(this.#leastSkewMs, skewMs);
    this.#mostSkewMs = Math.max(this.#mostSkewMs, skewMs);
  }

  stats(): PlayoutStats {
    const motion = this.#face.stats();
    const voice = this.#voice.stats();
    return {
      delayMs: this.delayMs,
      voiceDelayMs: this.voiceDelayMs,
      exactRatio: motion.expected === 0 ? Number.NaN : motion.onTime / motion.expected,
      voiceGapRatio: voice.expected === 0 ? Number.NaN : 1 - voice.onTime / voice.expected,
      motion,
      voice,
      skewMs: { least: this.#leastSkewMs, most: this.#mostSkewMs },
      marginMs: this.marginMs,
    };
  }

  /** As in `PlayoutStats`; NaN while nothing came. */
  get marginMs(): number {
    const running = [this.#face, this.#voice].filter((kind) => kind.running);
    if (running.length === 0) return Number.NaN;
    // Of the lag itself, stragglers included, the relay knows: a single one must not cost the room its bundles.
    const lateMs = Math.max(...running.map((kind) => kind.awaitedMs));
    // Nor is what is put on top while the budget has it to give.
    const freeMs = this.#options.budgetMs === undefined ? 0 : FREE_MS;
    return Math.max(0, this.presentedMs - freeMs - lateMs);
  }

  get presentedMs(): number {
    return Math.max(this.delayMs + (this.#options.displayMs ?? 0), this.voiceDelayMs);
  }

  get missed(): number {
    return this.#face.missed + this.#voice.missed;
  }

  /** After a new generation: the past belongs to someone else. */
  reset(): void {
    this.#face = new Kind('motion');
    this.#voice = new Kind('voice');
    this.#nowMs = Number.NEGATIVE_INFINITY;
    this.#leastSkewMs = Number.POSITIVE_INFINITY;
    this.#mostSkewMs = Number.NEGATIVE_INFINITY;
  }

  #observe(kind: Kind, lagMs: number, nowMs: number): void {
    // After a pause nothing plays that a new delay could tear.
    const first = !kind.running || nowMs - kind.heardMs > PAUSE_MS;
    kind.window.add(lagMs);
    kind.heardMs = Math.max(kind.heardMs, nowMs);
    kind.wantedMs = this.#wanted(kind);
    if (!first) return;
    kind.firstMs = nowMs;
    kind.delayMs = kind.wantedMs;
    const other = kind === this.#face ? this.#voice : this.#face;
    if (!(other.heardMs > nowMs - PAUSE_MS)) return;
    const [least, most] = kind === this.#voice ? [0, MAX_BEHIND_FACE_MS] : [-MAX_BEHIND_FACE_MS, 0];
    kind.delayMs = Math.min(other.delayMs + most, Math.max(other.delayMs + least, kind.delayMs));
  }

  #wanted(kind: Kind): number {
    const { budgetMs, minDelayMs = 0, voiceReserveMs = 2 } = this.#options;
    const { maxJitterMs = budgetMs === undefined ? MAX_JITTER_MS : MAX_BUDGET_JITTER_MS } = this.#options;
    const voice = kind === this.#voice;
    const reserveMs = voice ? voiceReserveMs : 0;
    const { count, quantiles } = kind.window;
    let needMs = quantiles.late + reserveMs;
    kind.awaitedMs = quantiles.late;
    if (budgetMs !== undefined) {
      const freeMs = this.#freeMs(kind);
      const worth = WORTH[voice ? 'voice' : 'motion'];
      if (needMs > freeMs) needMs = kind.window.worthWaiting(freeMs - reserveMs, worth) + reserveMs;
      else {
        const startMs = START_MS * Math.max(0, 1 - count / START_UNITS);
        kind.awaitedMs = Math.min(quantiles.most, Math.max(quantiles.late, freeMs - reserveMs - FREE_MS));
        needMs = Math.min(freeMs, quantiles.most + reserveMs + FREE_MS + startMs);
      }
    }
    const jitterMs = Math.min(needMs, quantiles.least + reserveMs + maxJitterMs);
    return Math.min(this.#limitMs(kind), Math.max(minDelayMs, jitterMs));
  }

  /** Delay of a kind up to which waiting is within the budget; without one all is, up to the greatest delay. */
  #freeMs(kind: Kind): number {
    const { budgetMs, displayMs = 0 } = this.#options;
    if (budgetMs === undefined) return this.#limitMs(kind);
    return budgetMs - (kind === this.#voice ? RESERVE_MS.voice : RESERVE_MS.motion + displayMs);
  }

  /** Greatest delay of a kind. */
  #limitMs(kind: Kind): number {
    return this.#maxLagMs - (kind === this.#voice ? 0 : (this.#options.displayMs ?? 0));
  }
}

function move(kind: Kind, wantedMs: number, passedMs: number, nowMs: number): void {
  if (!kind.running) return;
  const apartMs = wantedMs - kind.delayMs;
  if (apartMs <= 0) {
    kind.delayMs += Math.max(apartMs, -SHRINK * passedMs);
    return;
  }
  // Nothing is left to play, or play has hardly begun: time may stand still.
  const still = kind.newestCaptureMs + kind.delayMs < nowMs || nowMs - kind.firstMs < SETTLE_MS;
  kind.delayMs += Math.min(apartMs, (still ? 1 : GROW) * passedMs);
}
