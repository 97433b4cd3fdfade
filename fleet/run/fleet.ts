import { HayateError } from '@hayate/codec/errors';
import { candidates, type KnownRelay, type RoomEntry } from '@hayate/relay/directory';
import { Lease } from '@hayate/relay/ledger/nats';
import { type Placement, Placer, type PlaceWish } from '../place/place.ts';
import type { Gifts } from '../scale/release.ts';
import type { ShiftWish } from '../scale/shares.ts';
import { emptyState } from '../scale/types.ts';
import { Scaler, type ScalerOptions, type ScalerStatus } from './scaler.ts';
import { type Shifted, shiftShares } from './shares.ts';

export interface FleetOptions extends Omit<ScalerOptions, 'after'> {
  /** Of this instance, over its restarts. */
  owner: string;
  clock: { nowMs(): number; after(ms: number, callback: () => void): () => void };
  /** 0 to 1. */
  random(): number;
  /** Between two looks, ms. */
  tickMs: number;
  /** Where a room lives; undefined: nowhere yet. */
  lookup?: ((room: string) => Promise<RoomEntry | undefined>) | undefined;
}

export interface FleetStatus extends ScalerStatus {
  owner: string;
  leads: boolean;
  relays: { id: string; region: string; draining: boolean; fullness: number; viewers: number; rooms: number }[];
  /** Since the start of this instance. */
  counts: Counts;
}

interface Counts {
  placed: number;
  stretched: number;
  elsewhere: number;
  refused: number;
  /** Rooms whose relay died or drained. */
  replaced: number;
}

export interface Placed {
  /** Undefined: the room is open, and stays where it is. */
  placement: Placement | undefined;
  /** The best first. */
  relays: readonly KnownRelay[];
}

export interface ReplaceWish {
  room: string;
  /** Of who asks; undefined: that of the room. */
  region?: string | undefined;
  /** URL of the relay that it had and that is gone for it: the directory learns of that seconds later. */
  left?: string | undefined;
}

interface Replaced {
  atMs: number;
  answer: Promise<Placed>;
  /** URL of the relay, once it is known. */
  url?: string;
}

/** At most so many are named to a client. */
const CANDIDATES = 8;
/** Clients of one relay notice within this time that it is gone. They all get one answer, so that a room stays together. */
const TOGETHER_MS = 10_000;

/**
 * One instance of the fleet. Each places rooms by what the directory shows; one of them, by a lease, creates and removes
 * machines. Two that believe to lead for a moment do no harm: what a leader decides is kept by compare-and-set before it is done.
 */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #placer: Placer;
  readonly #lease: Lease;
  readonly #counts: Counts = { placed: 0, stretched: 0, elsewhere: 0, refused: 0, replaced: 0 };
  /** Of rooms that were given a relay lately, by room and region; the oldest first. */
  readonly #replaced = new Map<string, Replaced>();
  #scaler: Scaler | undefined;
  #stopTick: () => void = () => {};
  #closed = false;

  constructor(options: FleetOptions) {
    const { clock, store, owner } = options;
    this.#options = options;
    this.#placer = new Placer(options.rules.place, options.random);
    this.#lease = new Lease({
      // A dry run keeps nobody from leading who does what it decides.
      ...{ values: store, name: options.dryRun ? 'fleet dry run' : 'fleet', owner },
      onChange: (held) => this.#lead(held),
      nowMs: () => clock.nowMs(),
      setTimer: (run, ms) => clock.after(ms, run),
      clearTimer: (stop) => (stop as (() => void) | undefined)?.(),
    });
    this.#tickLater(0);
  }

  get leads(): boolean {
    return this.#lease.held;
  }

  /**
   * Relays for a room, those of its region first. One that is open stays where it is.
   * @throws HayateError `overloaded` where no relay has room
   */
  async place(wish: PlaceWish): Promise<Placed> {
    const { view, clock } = this.#options;
    const relays = view.relays();
    const open = await this.#open(wish.room);
    const there = this.#stays(open, wish.region);
    if (there) return there;
    const leaving = this.#leaving();
    const placement = this.#placer.place(relays, wish, clock.nowMs(), leaving);
    if (!placement) throw this.#refused();
    this.#counts.placed += 1;
    if (placement.stretched) this.#counts.stretched += 1;
    if (wish.region !== undefined && placement.region !== wish.region) this.#counts.elsewhere += 1;
    return this.#named(placement, relays, leaving);
  }

  /**
   * Relays for a client of a room, which may have lost the one that it had. Clients of one room get one answer for some
   * seconds; what it promises counts for rooms that come after.
   * @throws HayateError `overloaded` where no relay is there
   */
  replace({ room, region, left }: ReplaceWish): Promise<Placed> {
    const nowMs = this.#options.clock.nowMs();
    for (const [key, { atMs }] of this.#replaced) {
      if (nowMs - atMs < TOGETHER_MS && nowMs >= atMs) break;
      this.#replaced.delete(key);
    }
    // What a client makes up must not grow the map.
    const near = this.#options.view.relays().some((relay) => relay.region === region) ? region : undefined;
    const key = JSON.stringify([room, near, left !== undefined]);
    const known = this.#replaced.get(key);
    if (known && (left === undefined || known.url !== left)) return known.answer;
    this.#replaced.delete(key);
    const replaced: Replaced = { atMs: nowMs, answer: this.#replace({ room, region: near, left }) };
    this.#replaced.set(key, replaced);
    // A room that is where it was may be elsewhere a moment later.
    const forget = () => this.#replaced.get(key) === replaced && this.#replaced.delete(key);
    replaced.answer.then(({ placement, relays }) => {
      if (placement) replaced.url = relays[0]!.url;
      else forget();
    }, forget);
    return replaced.answer;
  }

  async #replace({ room, region, left }: ReplaceWish): Promise<Placed> {
    const { view, clock } = this.#options;
    const relays = view.relays();
    const open = await this.#open(room);
    const gone = relays.find(({ url }) => url === left)?.id;
    const there = this.#stays(open, region, gone);
    // Who left none, or one that the room is not on, is one client and no room.
    if (there) return there;
    const except = new Set([...this.#leaving(), ...(gone === undefined ? [] : [gone])]);
    const wish = { room, region: region ?? open?.home };
    const placement = this.#placer.replace(relays, wish, clock.nowMs(), { left: left !== undefined, except });
    if (!placement) throw this.#refused();
    this.#counts.replaced += 1;
    return this.#named(placement, relays, except);
  }

  /** A directory that does not answer opens no room twice: relays look again before they open one. */
  #open(room: string): Promise<RoomEntry | undefined> {
    return this.#options.lookup?.(room).catch(() => undefined) ?? Promise.resolve(undefined);
  }

  /** Where a room is that is open; undefined: nowhere, or its relay is going or gone. */
  #stays(open: RoomEntry | undefined, region: string | undefined, gone?: string): Placed | undefined {
    const { view, random } = this.#options;
    const relays = view.relays();
    if (!open || open.closed || open.origin === gone) return undefined;
    const origin = relays.find(({ id, draining }) => id === open.origin && !draining);
    if (!origin) return undefined;
    const except = gone === undefined ? undefined : new Set([gone]);
    const seed = Math.floor(random() * 2 ** 32);
    const wish = { region: region ?? origin.region, limit: CANDIDATES, seed, ...(except && { except }) };
    return { placement: undefined, relays: candidates(relays, wish) };
  }

  /** The relay of a placement, others of its region by what is promised to them too, and one of another region. */
  #named(placement: Placement, relays: readonly KnownRelay[], except: ReadonlySet<string>): Placed {
    const others = this.#placer
      .ranked(relays, this.#options.clock.nowMs(), except)
      .filter(({ id }) => id !== placement.relay);
    const near = others.filter(({ region }) => region === placement.region);
    const far = others.filter(({ region }) => region !== placement.region);
    const chosen = relays.find(({ id }) => id === placement.relay)!;
    const kept = Math.min(1, far.length);
    const named = [chosen, ...near.slice(0, CANDIDATES - 1 - kept), ...far, ...near.slice(CANDIDATES - 1 - kept)];
    return { placement, relays: named.slice(0, CANDIDATES) };
  }

  #leaving(): ReadonlySet<string> {
    return this.#scaler?.leaving() ?? new Set<string>();
  }

  #refused(): HayateError {
    this.#counts.refused += 1;
    return new HayateError('overloaded', 'no relay has room', { retryable: true });
  }

  /**
   * Relays move from one provider to another, by the leader and step by step; the answer says how many have to.
   * @throws HayateError `invalid_argument`, `unavailable`
   */
  shift(wish: ShiftWish & { dryRun?: boolean | undefined }): Promise<Shifted> {
    return shiftShares(this.#options, wish);
  }

  /**
   * Gives up a machine that is lost for good: see `Scaler.release`.
   * @throws HayateError `invalid_argument`; `unavailable` where another instance leads
   */
  async release({ machine, gifts, by }: { machine: string; gifts: Gifts; by: string }): Promise<{ label: string }> {
    if (!this.#scaler) {
      throw new HayateError('unavailable', 'this instance does not lead: ask the other one', { retryable: true });
    }
    return { label: await this.#scaler.release(machine, gifts, by) };
  }

  status(): FleetStatus {
    const { view, clock, owner } = this.#options;
    const nowMs = clock.nowMs();
    const relays = view.relays().map((relay) => ({
      ...{ id: relay.id, region: relay.region, draining: relay.draining },
      ...{ fullness: this.#placer.fullness(relay, nowMs), viewers: relay.load.viewers, rooms: relay.load.rooms },
    }));
    const scaler = this.#scaler?.status() ?? idle;
    return { owner, leads: this.leads, relays, counts: { ...this.#counts }, ...scaler };
  }

  /** Gives up the lease, so that another leads at once. What was begun is finished by whoever leads next. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopTick();
    this.#scaler?.stop();
    await this.#lease.close();
  }

  #lead(held: boolean): void {
    this.#scaler?.stop();
    this.#scaler = held ? this.#newScaler() : undefined;
    this.#options.log.info(
      { owner: this.#options.owner },
      held ? 'this instance leads' : 'this instance does not lead',
    );
  }

  #newScaler(): Scaler {
    const { clock } = this.#options;
    return new Scaler({ ...this.#options, nowMs: () => clock.nowMs(), after: (ms, run) => clock.after(ms, run) });
  }

  #tickLater(ms: number): void {
    this.#stopTick = this.#options.clock.after(ms, () => {
      if (this.#closed) return;
      this.#tickLater(this.#options.tickMs);
      void this.#scaler?.tick();
    });
  }
}

const idle: ScalerStatus = { state: emptyState(), need: {}, alarms: [], transfer: {}, shares: {}, planned: [] };
