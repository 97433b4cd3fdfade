import type { Random } from '../faults/random.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface RegionLoad {
  region: string;
  /** Hours of local time before UTC. */
  offsetHours: number;
}

export interface LoadPlan {
  regions: readonly RegionLoad[];
  /** Rooms of a region at once, at night; in the evening `ratio` times as many. */
  nightRooms: number;
  ratio: number;
  /** Of a room's length, minutes. */
  medianMinutes: number;
  /** Of the viewers of a room at its best. */
  medianViewers: number;
  mostViewers: number;
  /** In this time they come, ms. */
  growMs: number;
}

export interface TracedRoom {
  name: string;
  region: string;
  fromMs: number;
  toMs: number;
  viewers: number;
  /** What the app expects, which is not what comes. */
  expected: number;
  /** Its clients know no other relay, so that they stay where they are. */
  stuck: boolean;
}

const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());

const LENGTH_SPREAD = 0.6;
const VIEWERS_SPREAD = 1;
/** The app's guess: within a factor of 1.5 two times of three. */
const GUESS_SPREAD = 0.4;
const LOWEST_HOUR = 5;
const HIGHEST_HOUR = 21;

/** 0 at five in the morning, 1 at nine in the evening. */
function evening(atMs: number, offsetHours: number): number {
  const hour = (((atMs / HOUR_MS + offsetHours) % 24) + 24) % 24;
  const rise = HIGHEST_HOUR - LOWEST_HOUR;
  const since = (hour - LOWEST_HOUR + 24) % 24;
  return since <= rise
    ? (1 - Math.cos((Math.PI * since) / rise)) / 2
    : (1 + Math.cos((Math.PI * (since - rise)) / (24 - rise))) / 2;
}

/** Rooms of a region that open in a time. @param scale of this day against others */
export function* rooms(
  plan: LoadPlan,
  { region, offsetHours }: RegionLoad,
  { fromMs, toMs, scale, stuck }: { fromMs: number; toMs: number; scale: number; stuck: number },
  random: Random,
): Generator<TracedRoom> {
  const meanMs = plan.medianMinutes * 60_000 * Math.exp(LENGTH_SPREAD ** 2 / 2);
  const most = (plan.nightRooms * plan.ratio * scale) / meanMs;
  let n = 0;
  for (let atMs = fromMs; ; ) {
    // Of a Poisson process of the highest rate, as many as the hour has.
    atMs += -Math.log(1 - random.next()) / most;
    if (atMs >= toMs) return;
    if (random.next() > plan.ratio ** (evening(atMs, offsetHours) - 1)) continue;
    const length = plan.medianMinutes * 60_000 * Math.exp(LENGTH_SPREAD * normal(random));
    const viewers = Math.min(plan.mostViewers, plan.medianViewers * Math.exp(VIEWERS_SPREAD * normal(random)));
    yield {
      ...{ name: `${region}-${n}`, region, fromMs: atMs, toMs: atMs + length, viewers },
      ...{ expected: Math.round(viewers * Math.exp(GUESS_SPREAD * normal(random))), stuck: random.chance(stuck) },
    };
    n += 1;
  }
}

/** Of a room that many ms after it opened. */
export const viewersAt = (viewers: number, sinceMs: number, growMs: number): number =>
  viewers * Math.min(1, sinceMs / growMs);

/** Viewers of a region each half minute of days before: what a fleet that ran would remember. */
export function pastDays(
  plan: LoadPlan,
  region: RegionLoad,
  { days, endMs, spread, stepMs }: { days: number; endMs: number; spread: number; stepMs: number },
  random: Random,
): [atMs: number, viewers: number][] {
  const startMs = endMs - days * DAY_MS;
  const sums = new Float64Array((days * DAY_MS) / stepMs);
  for (let day = 0; day < days; day += 1) {
    const fromMs = startMs + day * DAY_MS;
    const scale = Math.exp(spread * normal(random));
    for (const room of rooms(plan, region, { fromMs, toMs: fromMs + DAY_MS, scale, stuck: 0 }, random)) {
      const first = Math.ceil((room.fromMs - startMs) / stepMs);
      const last = Math.min(sums.length - 1, Math.floor((room.toMs - startMs) / stepMs));
      for (let step = first; step <= last; step += 1) {
        sums[step]! += viewersAt(room.viewers, startMs + step * stepMs - room.fromMs, plan.growMs);
      }
    }
  }
  return [...sums].map((viewers, step) => [startMs + step * stepMs, viewers]);
}
