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
  counts: { placed: number; stretched: number; elsewhere: number; refused: number };
}

export interface Placed {
  placement: Placement | undefined;
  /** The best first. */
  relays: readonly KnownRelay[];
}

/** At most so many are named to a client. */
const CANDIDATES = 8;

/**
 * One instance of the fleet. Each places rooms by what the directory shows; one of them, by a lease, creates and removes
 * machines. Two that believe to lead for a moment do no harm: what a leader decides is kept by compare-and-set before it is done.
 */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #placer: Placer;
  readonly #lease: Lease;
  readonly #counts = { placed: 0, stretched: 0, elsewhere: 0, refused: 0 };
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
    const { view, clock, lookup, random } = this.#options;
    const relays = view.relays();
    const seed = Math.floor(random() * 2 ** 32);
    // A directory that does not answer opens no room twice: relays look again before they open one.
    const there = await lookup?.(wish.room).catch(() => undefined);
    const origin = there && !there.closed && relays.find(({ id, draining }) => id === there.origin && !draining);
    if (origin) {
      return {
        placement: undefined,
        relays: candidates(relays, { region: wish.region ?? origin.region, limit: CANDIDATES, seed }),
      };
    }
    const leaving = this.#scaler?.leaving() ?? new Set<string>();
    const placement = this.#placer.place(relays, wish, clock.nowMs(), leaving);
    if (!placement) {
      this.#counts.refused += 1;
      throw new HayateError('overloaded', 'no relay has room', { retryable: true });
    }
    this.#counts.placed += 1;
    if (placement.stretched) this.#counts.stretched += 1;
    if (wish.region !== undefined && placement.region !== wish.region) this.#counts.elsewhere += 1;
    const chosen = relays.find(({ id }) => id === placement.relay)!;
    const except = new Set([...leaving, chosen.id]);
    const others = candidates(relays, { region: placement.region, except, limit: CANDIDATES - 1, seed });
    return { placement, relays: [chosen, ...others] };
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
