import type { PlayoutClock, RouteReport, UnitCounts, WatchedFrame, WatchedVoice, WatchStats } from '@hayate/client';

/** Figures are over so long. */
const WINDOW_MS = 1000;
/** Units of one slot in that time, at most: 120 frames and 50 packets a second, and more after a stall. */
const MAX_UNITS = 512;

/** A time and how wrong it can be. */
export interface Lag {
  ms: number;
  uncertaintyMs: number;
}

/** Where the time of one liver's units goes, from capture to presentation. */
export interface Hops {
  /** Capture to the relay that the liver is at, median of all units: what the liver itself waits is in it. */
  up: Lag;
  /** Between relays: half of the trunk's round trip. Undefined: there is one relay. */
  trunk: Lag | undefined;
  /** At the last relay, mean: as long as units waited at least for those that share their datagram. */
  hold: number;
  /** From there to here: what is left of the time to arrival. */
  down: Lag;
  /** From arrival to presentation. */
  playout: number;
}

export interface Reading {
  /** Undefined while the relay has not said how units arrive there, or none came here. */
  hops: Hops | undefined;
  /** Capture to arrival, median. Undefined: nothing came in the last second. */
  arrival: Lag | undefined;
  /** Capture to presentation. */
  delayMs: number;
  perSecond: {
    datagrams: number;
    bytes: number;
    lost: number;
    late: number;
    behind: number;
    repeats: number;
    asked: number;
  };
  /** Since the liver's generation began. */
  total: { units: number; lost: number; late: number; behind: number; repeats: number };
  clockMs: number;
  rttMs: number | undefined;
  route: RouteReport | undefined;
}

type Unit = Pick<WatchedFrame | WatchedVoice, 'slot' | 'lagMs' | 'uncertaintyMs' | 'receivedMs' | 'backlog'>;

interface Counters {
  atMs: number;
  datagrams: number;
  bytes: number;
  units: number;
  heldMs: number;
  asked: number;
  total: Reading['total'];
}

/** Turns what the SDK counts into figures of the last second, of one slot. Pure; times are `performance.now()`. */
export class Meter {
  route: RouteReport | undefined;
  readonly #units: Unit[] = [];
  readonly #counters: Counters[] = [];

  unit({ slot, lagMs, uncertaintyMs, receivedMs, backlog }: Unit): void {
    if (backlog) return;
    this.#units.push({ slot, lagMs, uncertaintyMs, receivedMs, backlog });
    if (this.#units.length > MAX_UNITS) this.#units.shift();
  }

  /** Another liver, session or generation: counts begin anew. */
  reset(): void {
    this.#units.length = 0;
    this.#counters.length = 0;
    this.route = undefined;
  }

  read(slot: number, stats: WatchStats, playout: Pick<PlayoutClock, 'delayMs'>, nowMs: number): Reading {
    const counters = countersOf(slot, stats, nowMs);
    const before = this.#before(counters);
    const seconds = (counters.atMs - before.atMs) / 1000;
    const rate = (name: 'datagrams' | 'bytes' | 'asked') => perSecond(counters[name] - before[name], seconds);
    const loss = (name: 'lost' | 'late' | 'behind' | 'repeats') =>
      perSecond(counters.total[name] - before.total[name], seconds);
    const arrival = this.#arrival(slot, nowMs);
    const units = counters.units - before.units;
    const holdMs = units > 0 ? (counters.heldMs - before.heldMs) / units : 0;
    return {
      arrival,
      hops: arrival && hopsOf(arrival, holdMs, playout.delayMs, stats.clockUncertaintyMs, this.#slot(slot)),
      delayMs: playout.delayMs,
      perSecond: {
        ...{ datagrams: rate('datagrams'), bytes: rate('bytes'), asked: rate('asked') },
        ...{ lost: loss('lost'), late: loss('late'), behind: loss('behind'), repeats: loss('repeats') },
      },
      total: counters.total,
      clockMs: stats.clockUncertaintyMs,
      rttMs: stats.rttMs,
      route: this.route,
    };
  }

  #slot(slot: number): RouteReport['slots'][number] | undefined {
    return this.route?.slots.find((each) => each.slot === slot);
  }

  /** What was counted a second ago; keeps what is younger. */
  #before(counters: Counters): Counters {
    const kept = this.#counters;
    // Counts of another session are smaller.
    if ((kept.at(-1)?.datagrams ?? 0) > counters.datagrams) kept.length = 0;
    kept.push(counters);
    while (kept.length > 2 && kept[1]!.atMs <= counters.atMs - WINDOW_MS) kept.shift();
    return kept[0]!;
  }

  #arrival(slot: number, nowMs: number): Lag | undefined {
    const units = this.#units.filter((unit) => unit.slot === slot && unit.receivedMs > nowMs - WINDOW_MS);
    if (units.length === 0) return undefined;
    const lags = units.map(({ lagMs }) => lagMs).sort((a, b) => a - b);
    return { ms: lags[lags.length >> 1]!, uncertaintyMs: units.at(-1)!.uncertaintyMs };
  }
}

function hopsOf(
  arrival: Lag,
  holdMs: number,
  delayMs: number,
  clockMs: number,
  route: RouteReport['slots'][number] | undefined,
): Hops | undefined {
  if (!route?.lagMs) return undefined;
  const { lagMs, uncertaintyMs, from } = route;
  const halfMs = (from?.rttMs ?? 0) / 2;
  return {
    up: { ms: Math.max(0, lagMs.p50 - halfMs), uncertaintyMs },
    trunk: from && { ms: halfMs, uncertaintyMs: halfMs },
    hold: holdMs,
    down: { ms: Math.max(0, arrival.ms - lagMs.p50 - holdMs), uncertaintyMs: clockMs },
    playout: Math.max(0, delayMs - arrival.ms),
  };
}

function countersOf(slot: number, { bundles, asked, slots }: WatchStats, atMs: number): Counters {
  const { motion, voice, playout } = slots.get(slot) ?? {};
  const sum = (name: 'received' | 'lost' | 'late' | 'duplicate') => of(motion, name) + of(voice, name);
  return {
    atMs,
    ...bundles,
    asked,
    total: {
      units: sum('received') + sum('lost'),
      lost: sum('lost'),
      late: (playout?.motion.late ?? 0) + (playout?.voice.late ?? 0),
      behind: sum('late'),
      repeats: sum('duplicate'),
    },
  };
}

const of = (counts: UnitCounts | undefined, name: 'received' | 'lost' | 'late' | 'duplicate') => counts?.[name] ?? 0;

const perSecond = (count: number, seconds: number) => (seconds > 0 ? Math.max(0, count) / seconds : 0);
