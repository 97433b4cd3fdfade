import type { RepairKind } from '@hayate/codec/messages';
import { type DeliveryClass, DIRECT } from '../media/plane.ts';
import { Congestion, heardLivers, type Level, lastLevel } from './congestion.ts';
import { spareMs } from './lag.ts';
import type { BusyLevel } from './load.ts';
import { LossEstimate } from './loss.ts';
import { Patience } from './patience.ts';
import { holdMs, type Plan, plan, rideMs, type Voice } from './plan.ts';
import { atMostRepair, lessRepair, RepairNeed } from './repair.ts';
import { type Distances, Riders } from './riders.ts';
import { RoundTrip } from './round-trip.ts';
import { TUNING, type Tuning } from './tuning.ts';

/** What the relay knows of one viewer's path, from acknowledgements and its own queue. Counts grow. */
export interface Path {
  /** 0: not known, or not now. */
  rttMs: number;
  minRttMs: number;
  packetsOut: number;
  packetsLost: number;
  dropped: number;
  queueBytes: number;
}

/** What holds for the whole room. */
export interface RoomLag extends Distances {
  budgetMs: number;
  /** p99, capture to relay, of the worst slot; undefined while nobody speaks. */
  uplinkMs: number | undefined;
}

export interface ViewerInput {
  path: Path;
  room: RoomLag;
  /** Joined or commented lately, or a liver among others: answers must not wait. */
  conversing: boolean;
  /** Above 0 the relay itself is the bottleneck: what costs it packets must wait. */
  busy: BusyLevel;
  /** The most repair that its bytes allow. */
  repairAllowed: RepairKind;
  /** Mask of so many livers, those who should be heard first. */
  heard(livers: number): number;
}

/** What decided the class; the first that applies. */
type Why = 'unknown_path' | 'busy' | 'congestion' | 'conversation' | 'no_spare' | 'loss' | 'spare';

/** Of one viewer; the next decision overwrites it, but for `delivery`, which stays as it is. */
export interface Decision {
  delivery: DeliveryClass;
  why: Why;
  /** NaN while path or uplink is not known. */
  spareMs: number;
  /** The same with the least margin: what no report can change. */
  pathSpareMs: number;
  loss: number;
  level: Level;
  /** The path would want more repair than it may have. */
  repairDenied: boolean;
}

/** What a viewer says of itself. */
export interface ViewerReport {
  /** What its playout needs, ms. */
  marginMs: number;
  /** It asks for what it lacks. */
  asks: boolean;
}

/** On a busy relay, at least: who listens, by level, and who is in conversation. */
const BUSY_VOICE = { 1: 2, 2: 3 } as const;
const BUSY_CONVERSING_VOICE: Voice = 2;
/** Of the class. */
const MAX_REQUEST_SPACING_MS = 200;
const DIRECT_PLAN: Plan = { voice: 1, repair: 'none', spacingMs: 0 };

/**
 * How one viewer gets the media, decided anew at each step of about 500 ms. No clock, no I/O: times are arguments. A
 * viewer's report moves the margin of this viewer within its bounds and nothing else.
 */
export class ViewerPolicy {
  readonly #tuning: Tuning;
  readonly #loss = new LossEstimate();
  readonly #congestion: Congestion;
  readonly #repair: RepairNeed;
  readonly #more: Patience;
  readonly #roundTrip: RoundTrip;
  /** Voice packets a datagram that the spare time allows. */
  #voice: Voice = 1;
  /** The least that was possible while waiting for more. */
  #reachable: Voice = 4;
  /** How long the first voice packet of a datagram waits for the others, ms. */
  #heldMs = 0;
  readonly #riders: Riders;
  #strict = false;
  #report: (ViewerReport & { untilMs: number }) | undefined;
  #requestMs = Number.NaN;
  #leastRttMs = 0;
  #requests = false;
  readonly #request: Patience;
  // Written in place: what lives from one decision to the next would fill the old part of the heap.
  #packetsOut = 0;
  #packetsLost = 0;
  #dropped = 0;
  #learnt = false;
  #atMs = 0;
  readonly #decision: Decision = {
    delivery: DIRECT,
    why: 'unknown_path',
    spareMs: Number.NaN,
    pathSpareMs: Number.NaN,
    loss: 0,
    level: 0,
    repairDenied: false,
  };

  constructor(tuning: Tuning = TUNING) {
    this.#tuning = tuning;
    this.#roundTrip = new RoundTrip(tuning);
    this.#congestion = new Congestion(tuning);
    this.#repair = new RepairNeed(tuning);
    this.#request = new Patience(tuning.upHoldMs, tuning.maxUpHoldMs);
    this.#more = new Patience(tuning.upHoldMs, tuning.maxUpHoldMs);
    this.#riders = new Riders(tuning);
  }

  /** Counts for 10 s. */
  report(report: ViewerReport, nowMs: number): void {
    this.#report = { ...report, untilMs: nowMs + this.#tuning.reportMs };
  }

  decide(input: ViewerInput, nowMs: number): Readonly<Decision> {
    const { path, room, conversing, busy } = input;
    this.#learn(path, lastLevel(room.livers), nowMs);
    const level = this.#congestion.level;
    const loss = this.#loss.rate;
    const wanted = this.#repair.kind;
    const allowed = atMostRepair(wanted, input.repairAllowed);
    const repair = lessRepair(allowed, busy > 0 ? 2 : level === 0 ? 0 : level === 1 ? 1 : 2);
    const { minMarginMs, maxVoice } = this.#tuning;
    const marginMs = this.#marginMs(nowMs);
    const spare = this.#spare(path, room, marginMs);
    const known = Number.isFinite(spare);
    this.#mayRequest(input, spare, repair, nowMs);
    const chosen = known ? this.#choose(spare, room.frameMs, repair, nowMs) : DIRECT_PLAN;
    let { voice } = chosen;
    if (conversing) voice = 1;
    if (busy !== 0) voice = Math.max(voice, conversing ? BUSY_CONVERSING_VOICE : BUSY_VOICE[busy]) as Voice;
    if (level >= 2) voice = Math.max(voice, level === 2 ? 3 : 4) as Voice;
    voice = Math.min(voice, maxVoice) as Voice;
    const { spacingMs, repair: how } = voice === chosen.voice ? chosen : this.#plan(spare, room.frameMs, repair, voice);
    const riders = this.#riders.decide(room, spare, nowMs);
    const patient = voice === 1 && maxVoice > 1 && !conversing ? riders : 0;
    const delivery = {
      voice,
      holdMs: this.#hold(voice, patient !== 0, room.frameMs, busy > 0 || level > 0),
      repair: known ? how : repair,
      spacingMs: how === 'none' ? 0 : Math.round(spacingMs),
      layer: level >= 5 ? 'voice' : level === 4 ? 'keys' : 'all',
      slots: input.heard(heardLivers(room.livers, level)),
      patient,
    } as const;
    const decision = this.#decision;
    if (!sameClass(decision.delivery, delivery)) decision.delivery = delivery;
    decision.why = busy > 0 ? 'busy' : why(known, level, conversing, voice, repair !== 'none');
    decision.spareMs = spare;
    decision.pathSpareMs = spare + marginMs - minMarginMs;
    decision.loss = loss;
    decision.level = level;
    decision.repairDenied = allowed !== wanted;
    return decision;
  }

  #learn(path: Path, last: Level, nowMs: number): void {
    const stepMs = nowMs - this.#atMs;
    const sent = Math.max(0, path.packetsOut - this.#packetsOut);
    const lost = Math.max(0, path.packetsLost - this.#packetsLost);
    const dropped = path.dropped - this.#dropped;
    const first = !this.#learnt;
    this.#learnt = true;
    this.#packetsOut = path.packetsOut;
    this.#packetsLost = path.packetsLost;
    this.#dropped = path.dropped;
    this.#atMs = nowMs;
    this.#roundTrip.add(path.rttMs, path.minRttMs, stepMs);
    if (first) return;
    this.#loss.add(sent, lost, stepMs);
    this.#repair.update(this.#loss.rate, this.#loss.bursty, nowMs);
    const { strictLoss, strictEndLoss } = this.#tuning;
    this.#strict = this.#loss.rate >= (this.#strict ? strictEndLoss : strictLoss);
    if (path.rttMs <= 0) return;
    const signs = {
      rttMs: path.rttMs,
      minRttMs: path.minRttMs,
      sent,
      dropped,
      recentLoss: this.#loss.recent,
      queueBytes: path.queueBytes,
    };
    this.#congestion.update(signs, stepMs, nowMs, this.#repair.kind === 'since_key', last);
  }

  /** As reported lately, within the bounds. */
  #marginMs(nowMs: number): number {
    const { marginMs, minMarginMs, maxMarginMs } = this.#tuning;
    if (this.#report === undefined || nowMs >= this.#report.untilMs) return marginMs;
    return Math.min(maxMarginMs, Math.max(minMarginMs, this.#report.marginMs));
  }

  #spare({ minRttMs }: Path, { budgetMs, uplinkMs }: RoomLag, marginMs: number): number {
    const rttMs = this.#roundTrip.ms;
    if (rttMs === undefined || uplinkMs === undefined) return Number.NaN;
    return spareMs({ budgetMs, uplinkMs, rttMs, minRttMs, marginMs }, this.#tuning);
  }

  /** Where the viewer asks, the round trip fits and losses are single, it gets again what it asks for. */
  #mayRequest({ path }: ViewerInput, spare: number, repair: RepairKind, nowMs: number): void {
    const { requestMs, requestLoss, requestEndLoss, downSlackMs } = this.#tuning;
    if (path.rttMs > 0) this.#requestMs = requestMs + path.rttMs;
    this.#leastRttMs = Math.min(path.minRttMs, MAX_REQUEST_SPACING_MS);
    const asks = this.#report?.asks === true && nowMs < this.#report.untilMs;
    const single = !this.#loss.bursty && this.#loss.steady < (this.#requests ? requestEndLoss : requestLoss);
    const inTime = this.#requestMs <= spare + (this.#requests ? downSlackMs : 0);
    const fits = asks && repair !== 'none' && single && inTime;
    if (this.#requests && !fits) this.#request.failed(nowMs);
    this.#requests = this.#requests ? fits : this.#request.ready(fits, nowMs);
  }

  /** Fewer packets slowly, more at once. */
  #choose(spare: number, frameMs: number, repair: RepairKind, nowMs: number): Plan {
    const { downSlackMs, upSlackMs } = this.#tuning;
    const kept = this.#plan(spare + downSlackMs, frameMs, repair);
    if (kept.voice < this.#voice) {
      this.#voice = kept.voice;
      this.#more.failed(nowMs);
    }
    const { voice } = this.#plan(spare + upSlackMs, frameMs, repair);
    const better = voice > this.#voice;
    this.#reachable = better ? (Math.min(this.#reachable, voice) as Voice) : 4;
    if (this.#more.ready(better, nowMs)) {
      this.#voice = this.#reachable;
      this.#reachable = 4;
    }
    return this.#plan(spare + downSlackMs, frameMs, repair, this.#voice);
  }

  /**
   * Less is held at once, and all where packets are too many already; else more only in steps that the playout's reserve
   * takes: it learns of a longer lag from what comes, and a step over its reserve comes too late before it has.
   */
  #hold(voice: Voice, rides: boolean, frameMs: number, atOnce: boolean): number {
    const wholeMs = rides ? frameMs : (voice - 1) * frameMs;
    this.#heldMs = atOnce ? wholeMs : Math.min(wholeMs, this.#heldMs + this.#tuning.holdStepMs);
    if (this.#heldMs < wholeMs) return this.#heldMs;
    return rides ? rideMs(frameMs) : holdMs(voice, frameMs);
  }

  #plan(spare: number, frameMs: number, repair: RepairKind, atMost: Voice = 4): Plan {
    const spareMs = Number.isFinite(spare) ? spare : 0;
    const requestMs = this.#requests ? this.#requestMs : undefined;
    const leastRttMs = this.#leastRttMs;
    const input = {
      spareMs,
      frameMs,
      repair,
      requestMs,
      leastRttMs,
      strict: this.#strict,
      bursty: this.#loss.bursty,
      atMost,
    };
    return plan(input, this.#tuning);
  }
}

export function sameClass(a: DeliveryClass, b: DeliveryClass): boolean {
  return (
    a.voice === b.voice &&
    a.holdMs === b.holdMs &&
    a.repair === b.repair &&
    a.spacingMs === b.spacingMs &&
    a.layer === b.layer &&
    a.slots === b.slots &&
    a.patient === b.patient
  );
}

function why(known: boolean, level: Level, conversing: boolean, voice: Voice, repairs: boolean): Why {
  if (level > 0) return 'congestion';
  if (conversing) return 'conversation';
  if (!known) return 'unknown_path';
  if (repairs) return 'loss';
  return voice === 1 ? 'no_spare' : 'spare';
}
