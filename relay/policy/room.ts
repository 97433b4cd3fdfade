import type { RepairKind } from '@hayate/codec/messages';
import { DIRECT } from '../media/plane.ts';
import type { SessionKey } from '../room/types.ts';
import { Livers } from './livers.ts';
import type { BusyLevel } from './load.ts';
import { TUNING, type Tuning } from './tuning.ts';
import { type UplinkAsk, type UplinkCounts, UplinkPolicy, type ViewersNeed } from './uplink.ts';
import { type Decision, type Path, sameClass, ViewerPolicy, type ViewerReport } from './viewer.ts';

/** Bounds on what repair may cost, payload bytes a second. */
export interface RepairCaps {
  viewerBytes: number;
  roomBytes: number;
}

/** Flat figures of a media room, as far as the policy needs them. Counts grow. */
export interface RoomTraffic {
  members: number;
  /** All payload bytes to all members, repair included. */
  bytesOut: number;
  repairBytesOut: number;
}

interface ViewerRow {
  session: SessionKey;
  decision: Decision;
}

export interface UplinkRow {
  slot: number;
  lagP99Ms: number | undefined;
  uncertaintyMs: number;
  loss: number;
  ask: UplinkAsk | undefined;
}

/** One liver's units of the last second on their way to this relay. */
export interface SlotArrival {
  slot: number;
  /** Capture to this relay; undefined: none came. */
  lagMs: { p50: number; p99: number } | undefined;
  uncertaintyMs: number;
  loss: number;
}

export interface RoomDeliverySummary {
  budgetMs: number;
  repairBytesPerSecond: number;
  uplinks: UplinkRow[];
  viewers: ViewerRow[];
}

interface Viewer {
  policy: ViewerPolicy;
  decision: Readonly<Decision> | undefined;
  /** Counted in what the room spends on repair. */
  repairs: boolean;
}

interface Slot {
  policy: UplinkPolicy;
  frameMs: number | undefined;
  ask: UplinkAsk | undefined;
  /** Voice units at the last report. */
  voices: number | undefined;
  lagMs: SlotArrival['lagMs'];
}

const FRAME_MS = 20;
/** From this level on a viewer's path carries no more than low voice. */
const LOW_VOICE_LEVEL = 3;
/** A viewer's repair starts only where so much of the room's bound is left. */
const ENTRY = 2;
const RATE_MS = 1000;
/** What decides where nothing goes on, and less spare time by so much is something. */
const CALM: ReadonlySet<Decision['why']> = new Set(['spare', 'no_spare', 'busy']);
const STIR_MS = 3;
/** Where the motion since the key made repair too dear, it is not tried again for so long. */
const DEAR_MS = 60_000;

/** The delivery of one room: a policy for each viewer and each publisher, and what all of them share. Pure. */
export class RoomDelivery {
  /** Of the room; may change while it runs. */
  budgetMs: number;
  /** Other relays have the room from here, whose viewers' paths nobody here knows. */
  relayed = false;
  readonly #caps: RepairCaps;
  readonly #tuning: Tuning;
  readonly #viewers = new Map<SessionKey, Viewer>();
  readonly #slots = new Map<number, Slot>();
  readonly #livers = new Livers();
  #traffic: { at: RoomTraffic; ms: number } | undefined;
  /** Payload bytes a second of one viewer without repair, and of the room's repair. */
  #streamRate = 0;
  #repairRate = 0;
  #repairing = 0;
  /** Until then units are repeated once at most. */
  #dearUntilMs = Number.NEGATIVE_INFINITY;

  constructor(budgetMs: number, caps: RepairCaps, tuning: Tuning = TUNING) {
    this.budgetMs = budgetMs;
    this.#caps = caps;
    this.#tuning = tuning;
  }

  /** The publisher's report of the last second; `frameMs` of its voice. Gives what is asked of it. */
  uplink(slot: number, counts: UplinkCounts, frameMs: number | undefined, nowMs: number): UplinkAsk {
    const state = this.#heard(slot, counts, frameMs, nowMs);
    state.ask = state.policy.ask(counts, frameMs, this.#need(), nowMs);
    return state.ask;
  }

  /** How a liver at another relay was heard here in the last second: how late, its viewers here have less to spare. */
  elsewhere(slot: number, counts: UplinkCounts, frameMs: number | undefined, nowMs: number): void {
    this.#heard(slot, counts, frameMs, nowMs).policy.learn(counts, nowMs);
  }

  #heard(slot: number, counts: UplinkCounts, frameMs: number | undefined, nowMs: number): Slot {
    let state = this.#slots.get(slot);
    if (!state) {
      state = { policy: new UplinkPolicy(this.#tuning), frameMs, ask: undefined, voices: undefined, lagMs: undefined };
      this.#slots.set(slot, state);
    }
    state.frameMs = frameMs;
    const { lagP50Ms, lagP99Ms } = counts;
    // Of a second without units both are 0.
    state.lagMs = lagP50Ms === undefined || lagP99Ms <= 0 ? undefined : { p50: lagP50Ms, p99: lagP99Ms };
    this.#livers.report(slot, this.#spoken(state, counts), frameMs ?? FRAME_MS, nowMs);
    return state;
  }

  /** Nobody publishes there any more, or somebody else: it begins anew. */
  unpublished(slot: number): void {
    this.#slots.delete(slot);
    this.#livers.gone(slot);
  }

  /** A viewer's report. Of sessions that do not watch it is nothing. */
  report(session: SessionKey, report: ViewerReport, nowMs: number): void {
    this.#viewers.get(session)?.policy.report(report, nowMs);
  }

  /** Whether figures of the media room are wanted again. */
  trafficDue(nowMs: number): boolean {
    return this.#traffic === undefined || nowMs - this.#traffic.ms >= RATE_MS;
  }

  /** Figures of the media room. Gives the repair bytes since the last ones. */
  traffic(at: RoomTraffic, nowMs: number): number {
    const before = this.#traffic;
    this.#traffic = { at, ms: nowMs };
    const repairBytes = Math.max(0, at.repairBytesOut - (before?.at.repairBytesOut ?? 0));
    if (!before) return repairBytes;
    const seconds = Math.max(1, nowMs - before.ms) / 1000;
    this.#repairRate = repairBytes / seconds;
    const original = Math.max(0, at.bytesOut - before.at.bytesOut - repairBytes);
    this.#streamRate = original / seconds / Math.max(1, at.members);
    return repairBytes;
  }

  watching(session: SessionKey): void {
    if (this.#viewers.has(session)) return;
    this.#viewers.set(session, { policy: new ViewerPolicy(this.#tuning), decision: undefined, repairs: false });
  }

  unwatched(session: SessionKey): void {
    const viewer = this.#viewers.get(session);
    if (viewer?.repairs) this.#repairing -= 1;
    this.#viewers.delete(session);
  }

  /**
   * Decides anew for one viewer; undefined for a session that does not watch. `changed`: the class is another one. `stirs`:
   * something goes on there that should be decided about soon again.
   */
  decide(
    session: SessionKey,
    path: Path,
    now: { conversing: boolean; busy: BusyLevel },
    nowMs: number,
  ): { decision: Readonly<Decision>; changed: boolean; stirs: boolean } | undefined {
    const viewer = this.#viewers.get(session);
    if (!viewer) return undefined;
    const room = {
      budgetMs: this.budgetMs,
      uplinkMs: this.#uplinkMs(),
      frameMs: this.#frameMs(),
      livers: this.#livers.count,
      earlier: this.#earlier,
    };
    const repairAllowed = this.#repairAllowed(viewer, nowMs);
    // The decision is written in place.
    const before = viewer.decision?.delivery ?? DIRECT;
    const spareBefore = viewer.decision?.spareMs ?? Number.NaN;
    const decision = viewer.policy.decide(
      { path, room, ...now, repairAllowed, heard: (most) => this.#livers.heard(most, nowMs) },
      nowMs,
    );
    const changed = !sameClass(before, decision.delivery);
    viewer.decision = decision;
    const repairs = decision.delivery.repair !== 'none';
    if (repairs !== viewer.repairs) {
      const sign = repairs ? 1 : -1;
      this.#repairRate = Math.max(0, this.#repairRate + sign * this.#repairCost());
      this.#repairing += sign;
      viewer.repairs = repairs;
    }
    const stirs = changed || !CALM.has(decision.why) || decision.spareMs < spareBefore - STIR_MS;
    return { decision, changed, stirs };
  }

  /** What was decided for this viewer last; undefined for a session that does not watch, and before the first time. */
  decisionOf(session: SessionKey): Readonly<Decision> | undefined {
    return this.#viewers.get(session)?.decision;
  }

  /** How the room's livers arrive here. */
  arrivals(): SlotArrival[] {
    return [...this.#slots].map(([slot, { policy, lagMs }]) => ({
      ...{ slot, lagMs },
      uncertaintyMs: policy.lag.uncertaintyMs,
      loss: policy.loss,
    }));
  }

  /** Share of the packets to this viewer that are lost; undefined while nobody knows. */
  lossOf(session: SessionKey): number | undefined {
    return this.#viewers.get(session)?.decision?.loss;
  }

  /** Viewers by class and reason; calls back once a viewer that was decided for. */
  forEachDecision(take: (decision: Readonly<Decision>) => void): void {
    for (const { decision } of this.#viewers.values()) if (decision) take(decision);
  }

  /** For people: at most `maxViewers` rows, those with the least spare time first. */
  summary(maxViewers: number): RoomDeliverySummary {
    const viewers = [...this.#viewers]
      .flatMap(([session, { decision }]) => (decision ? [{ session, decision }] : []))
      .sort((a, b) => spareOf(a.decision) - spareOf(b.decision))
      .slice(0, maxViewers);
    const uplinks = [...this.#slots].map(([slot, { policy, ask }]) => ({
      slot,
      lagP99Ms: policy.lag.p99Ms,
      uncertaintyMs: policy.lag.uncertaintyMs,
      loss: policy.loss,
      ask,
    }));
    return { budgetMs: this.budgetMs, repairBytesPerSecond: this.#repairRate, uplinks, viewers };
  }

  /** Voice packets since the last report; undefined while that is not known. */
  #spoken(slot: Slot, { voice }: UplinkCounts): number | undefined {
    const now = voice?.received;
    const before = slot.voices;
    slot.voices = now;
    return now === undefined || before === undefined ? undefined : now - before;
  }

  #uplinkMs(): number | undefined {
    let worst: number | undefined;
    for (const { policy } of this.#slots.values()) {
      const { p99Ms } = policy.lag;
      if (p99Ms !== undefined) worst = Math.max(worst ?? 0, p99Ms);
    }
    return worst;
  }

  /** Of the slots that are known. A function of its own, so that a decision makes none. */
  readonly #earlier = (ms: number): number => {
    const worst = this.#uplinkMs() ?? 0;
    let mask = 0;
    for (const [slot, { policy }] of this.#slots) {
      const { p99Ms } = policy.lag;
      if (p99Ms !== undefined && worst - p99Ms >= ms) mask |= 1 << slot;
    }
    return mask;
  };

  #frameMs(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { frameMs } of this.#slots.values()) least = Math.min(least, frameMs ?? least);
    return Number.isFinite(least) ? least : FRAME_MS;
  }

  /** Repair bytes a second of one viewer: as measured, and as much as the media itself before anything was. */
  #repairCost(): number {
    return this.#repairing > 0 && this.#repairRate > 0 ? this.#repairRate / this.#repairing : this.#streamRate;
  }

  #repairAllowed({ repairs }: Viewer, nowMs: number): RepairKind {
    const cost = this.#repairCost();
    // Repeated once a viewer's media costs itself.
    if (this.#streamRate > this.#caps.viewerBytes) return 'none';
    if (cost > this.#caps.viewerBytes) this.#dearUntilMs = nowMs + DEAR_MS;
    const left = this.#caps.roomBytes - this.#repairRate;
    if (!(repairs ? left >= 0 : left >= ENTRY * cost)) return 'none';
    return nowMs < this.#dearUntilMs ? 'repeat' : 'since_key';
  }

  #need(): ViewersNeed {
    let leastSpareMs: number | undefined;
    let low = 0;
    let all = 0;
    for (const { decision } of this.#viewers.values()) {
      if (!decision) continue;
      all += 1;
      if (decision.level >= LOW_VOICE_LEVEL) low += 1;
      // NaN stays NaN: one unknown path, and nobody may wait.
      leastSpareMs = Math.min(leastSpareMs ?? Number.POSITIVE_INFINITY, decision.pathSpareMs);
    }
    if (this.relayed) leastSpareMs = Number.NaN;
    return { leastSpareMs, lowVoice: 2 * low > all };
  }
}

function spareOf({ spareMs }: Decision): number {
  return Number.isNaN(spareMs) ? Number.POSITIVE_INFINITY : spareMs;
}
