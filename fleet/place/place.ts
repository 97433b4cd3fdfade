import type { RelayEntry, RelayLoad } from '@hayate/relay/directory';

/** What a relay bears, by what it says of itself each second. */
interface RelayLimits {
  /** Share of one core at which it takes no more rooms. */
  cpu: number;
  /** Bytes a second at which it takes no more. */
  egressBps: number;
  /** Multiple of both up to which it takes rooms all the same, where there is no other place. */
  stretch: number;
}

/** What a viewer costs. */
interface ViewerCost {
  /** Share of one core. */
  cpu: number;
  /** Bytes a second. */
  egressBps: number;
}

export interface PlaceRules {
  limits: RelayLimits;
  viewer: ViewerCost;
  /** Viewers of a room of which nothing is known. */
  viewers: number;
  /** In this time a new room gets the viewers that are expected, ms. */
  growMs: number;
}

export interface PlaceWish {
  room: string;
  /** The liver's. */
  region?: string | undefined;
  /** Expected at the room's best time. */
  viewers?: number | undefined;
}

export type PlaceableRelay = Pick<RelayEntry, 'id' | 'region' | 'draining' | 'load'>;

export interface Placement {
  relay: string;
  region: string;
  /** Of the relay once the room has grown: 1 is full. */
  fullness: number;
  /** It is over its limit, since no relay had room. */
  stretched: boolean;
}

interface Promised {
  room: string;
  relay: string;
  viewers: number;
  atMs: number;
  /** They all come at once, since they were on another relay a moment ago. */
  back?: true;
}

/** Of a relay, for one room: viewers of a larger one spread over the other relays that are named. None is too large for all. */
const ROOM_SHARE = 0.25;
/** Viewers whose relay died or drains are there within this time, and in the next figures of the one that took them. */
const BACK_MS = 5000;

interface Seen {
  relay: PlaceableRelay;
  fullness: number;
}

const placementOf = ({ relay, fullness }: Seen): Placement => ({
  ...{ relay: relay.id, region: relay.region, fullness, stretched: fullness > 1 },
});

const usable = <T extends PlaceableRelay>(relays: readonly T[], except?: ReadonlySet<string>): T[] =>
  relays.filter(({ id, draining }) => !draining && !except?.has(id));

/** How full it is: 1 is the limit of whatever binds first. */
export function fullnessOf(load: Pick<RelayLoad, 'cpu' | 'egressBps'>, { limits }: Pick<PlaceRules, 'limits'>): number {
  return Math.max(load.cpu / limits.cpu, load.egressBps / limits.egressBps);
}

/**
 * Puts rooms on relays: of two at random the one that will be less full. What was promised to a room and has not come yet
 * counts, for relays show a room's viewers only once they are there.
 */
export class Placer {
  readonly #rules: PlaceRules;
  readonly #random: () => number;
  #promised: Promised[] = [];
  /** Viewers promised and not there yet, by relay; of `#atMs`. */
  #pending = new Map<string, number>();
  #atMs = Number.NEGATIVE_INFINITY;

  /** @param random 0 to 1 */
  constructor(rules: PlaceRules, random: () => number) {
    this.#rules = rules;
    this.#random = random;
  }

  /**
   * The relay for a new room; undefined where all are full beyond their stretch, drain, or none is there. First the liver's
   * region within the limits, then stretched: a relay that is busy is nearer than one across an ocean; then all others.
   * @param except ids that will drain in a moment
   */
  place(
    relays: readonly PlaceableRelay[],
    wish: PlaceWish,
    nowMs: number,
    except?: ReadonlySet<string>,
  ): Placement | undefined {
    this.#settle(nowMs);
    const viewers = Math.min(wish.viewers ?? this.#rules.viewers, this.#largest);
    const found = this.#find(relays, wish.region, viewers, except);
    if (!found) return undefined;
    this.#promise({ room: wish.room, relay: found.relay.id, viewers, atMs: nowMs });
    return placementOf(found);
  }

  /**
   * The relay for a room whose own died or drains. Its viewers come at once, and those that it was still to get come with it.
   * Where all are full the less full of two of its region is named all the same: it is the relay that refuses whom it cannot
   * bear. Undefined where none is there.
   * @param left the room was somewhere; else one that was promised a relay keeps it
   */
  replace(
    relays: readonly PlaceableRelay[],
    wish: PlaceWish,
    nowMs: number,
    { left, except }: { left: boolean; except?: ReadonlySet<string> },
  ): Placement | undefined {
    this.#settle(nowMs);
    const { growMs } = this.#rules;
    const before = this.#promised.find(({ room, back }) => room === wish.room && !back);
    const promised = !left && usable(relays, except).find(({ id }) => id === before?.relay);
    if (promised) return placementOf(this.#seen(promised, 0));
    const viewers = before?.viewers ?? Math.min(wish.viewers ?? this.#rules.viewers, this.#largest);
    const found = this.#find(relays, wish.region, viewers, except) ?? this.#leastFull(relays, wish, viewers, except);
    if (!found) return undefined;
    const relay = found.relay.id;
    const come = before ? (viewers * Math.max(0, nowMs - before.atMs)) / growMs : viewers;
    if (before) {
      const rest = viewers - come;
      this.#pending.set(before.relay, (this.#pending.get(before.relay) ?? rest) - rest);
      this.#pending.set(relay, (this.#pending.get(relay) ?? 0) + rest);
      before.relay = relay;
    }
    this.#promise({ room: wish.room, relay, viewers: come, atMs: nowMs, back: true });
    return placementOf(found);
  }

  /** Those that take rooms, the least full first, with what is promised and on its way. */
  ranked<T extends PlaceableRelay>(relays: readonly T[], nowMs: number, except?: ReadonlySet<string>): T[] {
    this.#settle(nowMs);
    return usable(relays, except)
      .map((relay) => ({ relay, fullness: this.#fullness(relay, 0) }))
      .sort((a, b) => a.fullness - b.fullness)
      .map(({ relay }) => relay);
  }

  /** With what is promised and on its way. */
  fullness(relay: PlaceableRelay, nowMs: number, more = 0): number {
    this.#settle(nowMs);
    return this.#fullness(relay, more);
  }

  #fullness({ id, load }: PlaceableRelay, more: number): number {
    const { viewer } = this.#rules;
    const viewers = (this.#pending.get(id) ?? 0) + more;
    const cpu = load.cpu + viewers * viewer.cpu;
    return fullnessOf({ cpu, egressBps: load.egressBps + viewers * viewer.egressBps }, this.#rules);
  }

  /** Viewers of one room that a relay is taken for. */
  get #largest(): number {
    const { limits, viewer } = this.#rules;
    return ROOM_SHARE * Math.min(limits.cpu / viewer.cpu, limits.egressBps / viewer.egressBps);
  }

  #promise(promised: Promised): void {
    this.#promised.push(promised);
    this.#pending.set(promised.relay, (this.#pending.get(promised.relay) ?? 0) + promised.viewers);
  }

  #find(
    relays: readonly PlaceableRelay[],
    region: string | undefined,
    viewers: number,
    except?: ReadonlySet<string>,
  ): Seen | undefined {
    const { stretch } = this.#rules.limits;
    const there = usable(relays, except);
    const near = there.filter((relay) => relay.region === region);
    const far = near.length === there.length ? [] : there.filter((relay) => relay.region !== region);
    return (
      this.#twoChoice(near, viewers, 1) ??
      this.#twoChoice(near, viewers, stretch) ??
      this.#twoChoice(far, viewers, 1) ??
      this.#twoChoice(far, viewers, stretch)
    );
  }

  #leastFull(
    relays: readonly PlaceableRelay[],
    { region }: PlaceWish,
    viewers: number,
    except?: ReadonlySet<string>,
  ): Seen | undefined {
    const there = usable(relays, except);
    const near = there.filter((relay) => relay.region === region);
    return this.#twoChoice(near.length > 0 ? near : there, viewers, Number.POSITIVE_INFINITY);
  }

  #twoChoice(among: readonly PlaceableRelay[], viewers: number, limit: number): Seen | undefined {
    if (among.length === 0) return undefined;
    const first = Math.floor(this.#random() * among.length);
    // Of the others.
    const second = (first + 1 + Math.floor(this.#random() * (among.length - 1))) % among.length;
    const [a, b] = [first, second].map((at) => this.#seen(among[at]!, viewers));
    const better = b!.fullness < a!.fullness ? b! : a!;
    if (better.fullness <= limit) return better;
    // Two full ones are no proof that all are.
    let best = better;
    for (const relay of among) {
      const seen = this.#seen(relay, viewers);
      if (seen.fullness < best.fullness) best = seen;
    }
    return best.fullness <= limit ? best : undefined;
  }

  #seen(relay: PlaceableRelay, viewers: number): Seen {
    return { relay, fullness: this.#fullness(relay, viewers) };
  }

  /** Viewers of a new room come evenly over the time that it grows; then the relay's own figures have them. */
  #settle(nowMs: number): void {
    // Once a second, as loads come: a burst of rooms is one look.
    if (nowMs - this.#atMs < 1000 && nowMs >= this.#atMs) return;
    this.#atMs = nowMs;
    const { growMs } = this.#rules;
    this.#promised = this.#promised.filter(({ atMs, back }) => nowMs - atMs < (back ? BACK_MS : growMs));
    this.#pending.clear();
    for (const { relay, viewers, atMs, back } of this.#promised) {
      const left = back ? viewers : viewers * (1 - Math.max(0, nowMs - atMs) / growMs);
      this.#pending.set(relay, (this.#pending.get(relay) ?? 0) + left);
    }
  }
}
