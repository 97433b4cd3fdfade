import { type Clock, systemClock } from '../webhook/clock.ts';
import { DirectoryError } from './errors.ts';
import { Membership } from './membership.ts';
import { Rooms } from './rooms.ts';
import type { Substrate } from './substrate.ts';
import type { Directory, DirectoryHealth, KnownRelay, RelayEntry, RoomEntry } from './types.ts';

export interface DirectoryOptions {
  /** Default 1000. */
  heartbeatMs?: number;
  /** Silence after which a relay is taken out, ms; seen by up to one heartbeat later. Default 3000. */
  goneMs?: number;
  /** Relays of the own region whose heartbeats this one hears. Default 8. */
  watched?: number;
  /** The same of each other region. Default 4. */
  watchedFar?: number;
  /** Age up to which a room that nobody watches is answered from memory, ms. Default 1000. */
  cacheMs?: number;
  /** Rooms kept in memory that nobody watches. Default 10 000. */
  cachedRooms?: number;
  /** Between two looks whether news were lost, ms; jittered. Default 30 000 of relays, and twice that of each room. */
  auditMs?: number;
  /**
   * How long after a start or a return lookups ask a room's home rather than the own domain's copy, ms. nats-server goes on
   * with a copy up to two minutes after its source is back, the later the longer that was away. Default 150 000.
   */
  copiesBehindMs?: number;
  clock?: Clock;
  /** 0 to 1, for jitter. */
  random?: () => number;
}

const DRAIN = 'drain';

/** The directory over whatever holds the buckets. It takes the substrate over: `shutdown` shuts that down too. */
export class BucketDirectory implements Directory {
  readonly region: string;
  readonly #substrate: Substrate;
  readonly #membership: Membership;
  readonly #rooms: Rooms;
  readonly #clock: Clock;
  #since: number;
  #closed = false;

  constructor(substrate: Substrate, options: DirectoryOptions = {}) {
    const { clock = systemClock, random = Math.random, auditMs = 30_000 } = options;
    this.region = substrate.region;
    this.#substrate = substrate;
    this.#clock = clock;
    this.#since = clock.nowMs();
    this.#membership = new Membership(substrate, {
      clock,
      random,
      heartbeatMs: options.heartbeatMs ?? 1000,
      goneMs: options.goneMs ?? 3000,
      watched: options.watched ?? 8,
      watchedFar: options.watchedFar ?? 4,
      auditMs,
    });
    this.#rooms = new Rooms(substrate, {
      clock,
      random,
      cacheMs: options.cacheMs ?? 1000,
      cached: options.cachedRooms ?? 10_000,
      auditMs: 2 * auditMs,
      copiesBehindMs: options.copiesBehindMs ?? 150_000,
    });
    substrate.onConnected((connected) => {
      this.#since = this.#clock.nowMs();
      if (connected) this.#catchUp();
    });
    this.#membership.heartbeats.onReturned((region) => {
      void this.#membership.relist(region, 'home').catch(() => {});
      void this.#rooms.refresh();
    });
    if (substrate.connected) this.#catchUp();
  }

  announce(entry: RelayEntry): void {
    this.#mustBeOpen();
    this.#membership.announce(entry);
  }

  withdraw(): Promise<void> {
    return this.#membership.withdraw();
  }

  relays(): readonly KnownRelay[] {
    return this.#membership.relays;
  }

  onRelays(callback: () => void): () => void {
    return this.#membership.onChange(callback);
  }

  async lookup(room: string): Promise<RoomEntry | undefined> {
    this.#mustBeOpen();
    return this.#rooms.lookup(room);
  }

  async open(room: string, home: string, origin: string): Promise<RoomEntry> {
    this.#mustBeOpen();
    return this.#rooms.open(room, home, origin);
  }

  async claim(room: string, expectedEpoch: number, origin: string): Promise<RoomEntry> {
    this.#mustBeOpen();
    return this.#rooms.claim(room, expectedEpoch, origin);
  }

  watch(room: string, callback: (entry: RoomEntry) => void): () => void {
    this.#mustBeOpen();
    return this.#rooms.watch(room, callback);
  }

  async move(room: string, to: { home: string; origin: string }): Promise<RoomEntry> {
    this.#mustBeOpen();
    return this.#rooms.move(room, to);
  }

  async close(room: string): Promise<void> {
    this.#mustBeOpen();
    return this.#rooms.close(room);
  }

  orderDrain({ id, region }: Pick<RelayEntry, 'id' | 'region'>): void {
    this.#mustBeOpen();
    this.#substrate.order(region, id, DRAIN);
  }

  onDrainOrder(id: string, callback: () => void): () => void {
    this.#mustBeOpen();
    return this.#substrate.onOrder(id, (what) => what === DRAIN && callback());
  }

  health(): DirectoryHealth {
    return {
      connected: this.#substrate.connected,
      since: this.#since,
      relays: this.#membership.relays.length,
      rooms: this.#rooms.size,
      watched: this.#rooms.watched,
      reachable: this.#membership.heartbeats.reachable(),
    };
  }

  async shutdown(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#membership.withdraw();
    this.#membership.stop();
    this.#rooms.stop();
    await this.#substrate.shutdown();
  }

  #catchUp(): void {
    void this.#membership.resync();
    void this.#rooms.refresh();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new DirectoryError('directory_closed', 'the directory is closed');
  }
}
