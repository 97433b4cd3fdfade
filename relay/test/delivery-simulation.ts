import { type DeliveryClass, DIRECT } from '../media/plane.ts';
import { RoomDelivery } from '../policy/room.ts';
import type { Tuning } from '../policy/tuning.ts';
import type { Decision } from '../policy/viewer.ts';

/** One way of a path. Values may change with time. */
export interface Way {
  delayMs: number;
  jitterMs?: number;
  /** Share lost, independently. */
  loss?: number;
  /** Everything is lost for `badMs` out of each `goodMs + badMs`. */
  burst?: { goodMs: number; badMs: number };
  rateKbps?: number;
  queueMs?: number;
}

interface SimulatedViewer {
  up?: Way;
  down: (atMs: number) => Way;
  /** What its playout really needs after a late unit. */
  marginMs?: number;
  /** It asks for what it lacks. */
  asks?: boolean;
  /** What it claims; default the truth; NaN: it reports nothing. */
  reportMs?: (atMs: number) => number;
  /** It is in conversation until then. */
  conversesMs?: number;
  /** Each unit when it comes, a copy not counted. */
  onUnit?: (unit: { voice: boolean; sequence: number; captureMs: number }, atMs: number) => void;
}

export interface Scenario {
  seconds: number;
  seed?: number;
  budgetMs?: number;
  uplink: (atMs: number) => Way;
  viewers: SimulatedViewer[];
  tuning?: Tuning;
  roomRepairBytes?: number;
  /** All get this, whatever the policy says: to compare with. */
  forced?: DeliveryClass;
}

export interface ViewerResult {
  /** Presentation lag of each unit that came, by its capture. */
  lags: { atMs: number; lagMs: number }[];
  sent: number;
  /** Units that no datagram brought. */
  missing: { atMs: number }[];
  bytes: number;
  decisions: { atMs: number; decision: Decision }[];
}

/** Of the voice codec: what sounds is so much older. */
const LOOKAHEAD_MS = 6.5;

interface Unit {
  /** Of its kind. */
  sequence: number;
  captureMs: number;
  bytes: number;
  voice: boolean;
  came: Set<number>;
}

interface Held {
  pending: Unit[];
  voice: number;
  deadline: number;
  sent: { unit: Unit; atMs: number }[];
}

const STEP_MS = 500;
const VOICE_MS = 20;
const MOTION_MS = 1000 / 30;
const VOICE_BYTES = 65;
const MOTION_BYTES = 11;
/** IPv4, UDP, QUIC, tag and bundle header. */
/** From when a datagram should have come to the request for it. */
const REQUEST_MS = 6;
const OVERHEAD_BYTES = 28 + 10 + 16 + 12;

/** mulberry32 */
function randomOf(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

class Link {
  readonly #way: (atMs: number) => Way;
  readonly #random: () => number;
  #lastMs = 0;
  #freeMs = 0;

  constructor(way: (atMs: number) => Way, random: () => number) {
    this.#way = way;
    this.#random = random;
  }

  /** Arrival, or undefined when lost. No overtaking. */
  send(atMs: number, bytes: number): number | undefined {
    const { delayMs, jitterMs = 0, loss = 0, burst, rateKbps, queueMs = 200 } = this.#way(atMs);
    const jitter = (2 * this.#random() - 1) * jitterMs;
    const lost = this.#random() < loss;
    let leaveMs = atMs;
    if (rateKbps !== undefined) {
      if (this.#freeMs - atMs > queueMs) return undefined;
      this.#freeMs = Math.max(this.#freeMs, atMs) + (8 * bytes) / rateKbps;
      leaveMs = this.#freeMs;
    }
    if (lost || (burst && atMs % (burst.goodMs + burst.badMs) >= burst.goodMs)) return undefined;
    this.#lastMs = Math.max(this.#lastMs, leaveMs + delayMs + jitter);
    return this.#lastMs;
  }
}

/** Events in order of time; those of one instant in order of coming. */
class Agenda {
  readonly #heap: { atMs: number; order: number; run: () => void }[] = [];
  #order = 0;
  nowMs = 0;

  at(atMs: number, run: () => void): void {
    const heap = this.#heap;
    heap.push({ atMs, order: this.#order++, run });
    for (let i = heap.length - 1; i > 0; ) {
      const up = (i - 1) >> 1;
      if (!this.#before(i, up)) break;
      [heap[i], heap[up]] = [heap[up]!, heap[i]!];
      i = up;
    }
  }

  runUntil(endMs: number): void {
    const heap = this.#heap;
    while (heap.length > 0 && heap[0]!.atMs <= endMs) {
      const first = heap[0]!;
      const last = heap.pop()!;
      if (heap.length > 0) {
        heap[0] = last;
        for (let i = 0; ; ) {
          let least = i;
          for (const child of [2 * i + 1, 2 * i + 2])
            if (child < heap.length && this.#before(child, least)) least = child;
          if (least === i) break;
          [heap[i], heap[least]] = [heap[least]!, heap[i]!];
          i = least;
        }
      }
      this.nowMs = Math.max(this.nowMs, first.atMs);
      first.run();
    }
  }

  #before(a: number, b: number): boolean {
    const x = this.#heap[a]!;
    const y = this.#heap[b]!;
    return x.atMs < y.atMs || (x.atMs === y.atMs && x.order < y.order);
  }
}

/**
 * One liver with voice (50 packets a second) and motion (30), a relay that delivers as it is told, and viewers behind
 * emulated links, in simulated time. A model of the media plane, to try the policy against; not the plane itself.
 */
export function simulate(scenario: Scenario): ViewerResult[] {
  const agenda = new Agenda();
  const seed = scenario.seed ?? 1;
  const caps = { viewerBytes: 6000, roomBytes: scenario.roomRepairBytes ?? 1e9 };
  const room = new RoomDelivery(scenario.budgetMs ?? 100, caps, scenario.tuning);
  const uplink = new Link(scenario.uplink, randomOf(seed));
  let uplinkLags: number[] = [];
  let received = 0;
  const traffic = { members: scenario.viewers.length, bytesOut: 0, repairBytesOut: 0 };

  const viewers = scenario.viewers.map((viewer, key) => {
    const random = randomOf(seed * 1000 + key + 1);
    const down = new Link(viewer.down, random);
    const upWay = viewer.up;
    const up = new Link(upWay ? () => upWay : viewer.down, randomOf(seed * 1000 + key + 500_001));
    const result: ViewerResult = { lags: [], sent: 0, missing: [], bytes: 0, decisions: [] };
    const path = {
      rttMs: 0,
      minRttMs: Number.POSITIVE_INFINITY,
      packetsOut: 0,
      packetsLost: 0,
      dropped: 0,
      queueBytes: 0,
    };
    const held: Held = { pending: [], voice: 0, deadline: 0, sent: [] };
    let delivery: DeliveryClass = scenario.forced ?? DIRECT;
    room.watching(key);

    const present = (unit: Unit, atMs: number) => {
      if (unit.came.has(key)) return;
      unit.came.add(key);
      viewer.onUnit?.(unit, atMs);
      result.lags.push({ atMs: unit.captureMs, lagMs: atMs - unit.captureMs + (viewer.marginMs ?? 2) });
    };

    /** The viewer has noticed that these did not come. */
    const request = (units: Unit[], asks: number) => {
      const retryMs = path.minRttMs + REQUEST_MS;
      if (asks > 1) agenda.at(agenda.nowMs + retryMs, () => request(units, asks - 1));
      const missing = units.filter(({ came }) => !came.has(key));
      if (missing.length === 0) return;
      const asked = up.send(agenda.nowMs, 60);
      if (asked === undefined) return;
      agenda.at(asked, () => {
        const bytes = missing.reduce((sum, unit) => sum + unit.bytes, 0);
        traffic.bytesOut += bytes;
        traffic.repairBytesOut += bytes;
        result.bytes += bytes + OVERHEAD_BYTES;
        result.sent += 1;
        const arrival = down.send(asked, bytes + OVERHEAD_BYTES);
        if (arrival === undefined) return;
        agenda.at(arrival, () => {
          for (const unit of missing) present(unit, arrival);
        });
      });
    };

    const flush = () => {
      const now = agenda.nowMs;
      const units = held.pending;
      held.pending = [];
      held.voice = 0;
      held.deadline = 0;
      const repeating = delivery.repair === 'repeat' || delivery.repair === 'since_key';
      const repeats = !repeating ? [] : held.sent.filter(({ atMs }) => now - atMs >= delivery.spacingMs);
      held.sent = !repeating ? [] : held.sent.filter((each) => !repeats.includes(each));
      if (repeating) for (const unit of units) held.sent.push({ unit, atMs: now });
      const repairBytes = repeats.reduce((sum, { unit }) => sum + unit.bytes, 0);
      const bytes = units.reduce((sum, unit) => sum + unit.bytes, 0) + repairBytes;
      traffic.bytesOut += bytes;
      traffic.repairBytesOut += repairBytes;
      result.sent += 1;
      result.bytes += bytes + OVERHEAD_BYTES;
      path.packetsOut += 1;
      const arrival = down.send(now, bytes + OVERHEAD_BYTES);
      if (arrival === undefined) {
        agenda.at(now + 1.5 * Math.max(20, path.rttMs), () => {
          path.packetsLost += 1;
        });
        const missedMs = now + viewer.down(now).delayMs + REQUEST_MS;
        if (delivery.repair === 'request' && viewer.asks) agenda.at(missedMs, () => request(units, 2));
        return;
      }
      agenda.at(arrival, () => {
        for (const unit of units) present(unit, arrival);
        for (const { unit } of repeats) present(unit, arrival);
        const ack = up.send(arrival, 60);
        if (ack === undefined) return;
        agenda.at(ack, () => {
          const rtt = ack - now;
          path.rttMs = path.rttMs === 0 ? rtt : path.rttMs + (rtt - path.rttMs) / 8;
          path.minRttMs = Math.min(path.minRttMs, rtt);
        });
      });
    };

    const take = (units: Unit[]) => {
      const heard = units.filter(({ voice }) => voice || delivery.layer === 'all');
      if (heard.length === 0) return;
      const first = held.pending.length === 0;
      held.pending.push(...heard);
      held.voice += heard.filter(({ voice }) => voice).length;
      if (delivery.voice === 1 || held.voice >= delivery.voice) return flush();
      if (!first) return;
      const deadline = agenda.nowMs + delivery.holdMs;
      held.deadline = deadline;
      agenda.at(deadline, () => {
        if (held.deadline === deadline) flush();
      });
    };

    const step = () => {
      const now = agenda.nowMs;
      const reportMs = viewer.reportMs ? viewer.reportMs(now) : (viewer.marginMs ?? 2);
      if (now % 1000 === 0 && !Number.isNaN(reportMs))
        room.report(key, { marginMs: reportMs, asks: viewer.asks === true }, now);
      const { decision, changed } = room.decide(
        key,
        { ...path, minRttMs: Math.min(path.minRttMs, path.rttMs) },
        { conversing: now < (viewer.conversesMs ?? 0), busy: 0 },
        now,
      )!;
      result.decisions.push({ atMs: now, decision: { ...decision } });
      if (changed && !scenario.forced) {
        if (held.pending.length > 0) flush();
        delivery = decision.delivery;
      }
      agenda.at(now + STEP_MS, step);
    };
    agenda.at(STEP_MS, step);
    return { result, take, key };
  });

  let waiting: Unit[] = [];
  let mayHold = false;
  const publish = (voice: boolean, sequence: number, captureMs: number) => {
    waiting.push({ sequence, captureMs, bytes: voice ? VOICE_BYTES : MOTION_BYTES, voice, came: new Set<number>() });
    if (!voice && mayHold) return;
    const units = waiting;
    waiting = [];
    const bytes = units.reduce((sum, unit) => sum + unit.bytes, OVERHEAD_BYTES);
    const arrival = uplink.send(agenda.nowMs, bytes);
    if (arrival === undefined) return;
    agenda.at(arrival, () => {
      received += units.length;
      for (const unit of units) uplinkLags.push(arrival - unit.captureMs);
      for (const viewer of viewers) viewer.take(units);
      agenda.at(arrival + 2000, () => {
        for (const { key, result } of viewers) {
          for (const unit of units) if (!unit.came.has(key)) result.missing.push({ atMs: unit.captureMs });
        }
      });
    });
  };
  const everyVoice = (n: number) => {
    publish(true, n, (n - 1) * VOICE_MS - LOOKAHEAD_MS);
    agenda.at((n + 1) * VOICE_MS, () => everyVoice(n + 1));
  };
  const everyFrame = (n: number) => {
    publish(false, n, agenda.nowMs);
    agenda.at((n + 1) * MOTION_MS + 7, () => everyFrame(n + 1));
  };
  const everySecond = () => {
    const now = agenda.nowMs;
    const lags = uplinkLags.sort((a, b) => a - b);
    uplinkLags = [];
    const counts = { received, lost: 0, duplicate: 0, lagP99Ms: percentile(lags, 0.99), uncertaintyMs: 0 };
    mayHold = room.uplink(0, counts, VOICE_MS, now).holdMs > 0;
    room.traffic({ ...traffic }, now);
    agenda.at(now + 1000, everySecond);
  };
  everyVoice(1);
  everyFrame(0);
  agenda.at(1000, everySecond);
  agenda.runUntil(scenario.seconds * 1000);
  return viewers.map(({ result }) => result);
}

/** `sorted` ascending; 0 when empty. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** p99 of the presentation lag of what was captured in that time. */
export function lagP99(result: ViewerResult, fromMs: number, toMs = Number.POSITIVE_INFINITY): number {
  const lags = result.lags.flatMap(({ atMs, lagMs }) => (atMs >= fromMs && atMs < toMs ? [lagMs] : []));
  return percentile(
    lags.sort((a, b) => a - b),
    0.99,
  );
}

/** How often the class changed in that time; a rise in steps counts once. */
export function changes(result: ViewerResult, fromMs: number): number {
  const kindOf = ({ holdMs: _, ...rest }: DeliveryClass) => JSON.stringify(rest);
  let n = 0;
  for (let i = 1; i < result.decisions.length; i++) {
    const { atMs, decision } = result.decisions[i]!;
    const before = result.decisions[i - 1]!.decision;
    if (atMs >= fromMs && kindOf(before.delivery) !== kindOf(decision.delivery)) n += 1;
  }
  return n;
}
