import type { Clock } from '../webhook/clock.ts';
import { Ring } from './ring.ts';
import type { Substrate } from './substrate.ts';
import type { RelayLoad } from './types.ts';

export interface HeartbeatOptions {
  clock: Clock;
  heartbeatMs: number;
  /** Silence after which a relay is gone. */
  goneMs: number;
  /** Relays of the own region whose heartbeats are heard. */
  watched: number;
  /** The same of each other region. */
  watchedFar: number;
}

export interface HeartbeatEvents {
  load(id: string, load: RelayLoad): void;
  /** Its load is not heard (any more). */
  stale(id: string): void;
  /** A watched one of the own region is silent for too long. Told again until it has left. */
  gone(id: string): void;
}

interface Watched {
  stop: () => void;
  /** Own ticks since the last heartbeat: a process that stood still counts one, whatever the clock says. */
  silentTicks: number;
  /** Place after this relay in the ring. The first speaks up first. */
  rank: number;
}

/**
 * Heartbeats of this relay, and those of the next few on each region's ring. If each relay heard all, 2000 relays would be
 * four million messages a second; so each costs one sent and a constant number heard, and who is gone is told to all by one
 * write of whoever notices.
 */
export class Heartbeats {
  readonly #substrate: Substrate;
  readonly #options: HeartbeatOptions;
  readonly #events: HeartbeatEvents;
  readonly #rings = new Map<string, Ring>();
  /** By region, then id. */
  readonly #watched = new Map<string, Map<string, Watched>>();
  /** Of other regions: ticks since any heartbeat came from there. */
  readonly #silentRegions = new Map<string, number>();
  readonly #returned = new Set<(region: string) => void>();
  readonly #place: string;
  #own: { id: string; load: RelayLoad } | undefined;
  #stopTick: (() => void) | undefined;
  #stopSettle: (() => void) | undefined;

  /** `place`: where on the rings a relay stands that has not been announced (yet). */
  constructor(substrate: Substrate, options: HeartbeatOptions & { random: () => number }, events: HeartbeatEvents) {
    this.#substrate = substrate;
    this.#options = options;
    this.#events = events;
    this.#place = `observer-${options.random()}`;
    for (const region of substrate.regions) {
      this.#rings.set(region, new Ring());
      this.#watched.set(region, new Map());
      if (region !== substrate.region) this.#silentRegions.set(region, Number.POSITIVE_INFINITY);
    }
    substrate.onConnected((connected) => {
      // The others may be back later than this one: as if each had been heard a full silence from now.
      if (connected)
        for (const watched of this.#watched.values())
          for (const one of watched.values()) one.silentTicks = -this.#goneTicks;
    });
    this.#tickLater();
  }

  announce(id: string, load: RelayLoad): void {
    const first = this.#own?.id !== id;
    this.#own = { id, load };
    if (!first) return;
    this.#settle();
    this.#send();
  }

  silence(): void {
    this.#own = undefined;
  }

  joined(region: string, id: string): void {
    this.#rings.get(region)?.add(id);
    this.#settle();
  }

  left(region: string, id: string): void {
    this.#rings.get(region)?.delete(id);
    this.#settle();
  }

  /** Told when heartbeats come from another region again after none did. */
  onReturned(callback: (region: string) => void): void {
    this.#returned.add(callback);
  }

  /** By other region. */
  reachable(): Record<string, boolean> {
    const limit = this.#goneTicks;
    return Object.fromEntries([...this.#silentRegions].map(([region, ticks]) => [region, ticks <= limit]));
  }

  /** Messages a second that this relay is sent, with all of them alive. */
  get heard(): number {
    let count = 0;
    for (const watched of this.#watched.values()) count += watched.size;
    return (count * 1000) / this.#options.heartbeatMs;
  }

  stop(): void {
    this.#stopTick?.();
    this.#stopSettle?.();
    for (const watched of this.#watched.values()) {
      for (const { stop } of watched.values()) stop();
      watched.clear();
    }
  }

  get #goneTicks(): number {
    return Math.ceil(this.#options.goneMs / this.#options.heartbeatMs);
  }

  #tickLater(): void {
    this.#stopTick = this.#options.clock.after(this.#options.heartbeatMs, () => {
      this.#tickLater();
      this.#send();
      // While the own line is down nobody can be heard: silence says nothing.
      if (this.#substrate.connected) this.#count();
    });
  }

  #send(): void {
    if (!this.#own || !this.#substrate.connected) return;
    this.#substrate.heartbeat(this.#substrate.region, this.#own.id, JSON.stringify(this.#own.load));
  }

  #count(): void {
    for (const [region, ticks] of this.#silentRegions) this.#silentRegions.set(region, ticks + 1);
    for (const [region, watched] of this.#watched) {
      for (const [id, one] of watched) {
        one.silentTicks += 1;
        if (one.silentTicks === this.#goneTicks + 1) this.#events.stale(id);
        if (region === this.#substrate.region && one.silentTicks > this.#goneTicks + (one.rank >> 1))
          this.#events.gone(id);
      }
    }
  }

  /** Hears whom it should now. Put together, since relays come by the hundred in a listing. */
  #settle(): void {
    if (this.#stopSettle) return;
    this.#stopSettle = this.#options.clock.after(0, () => {
      this.#stopSettle = undefined;
      for (const region of this.#substrate.regions) this.#follow(region);
    });
  }

  #follow(region: string): void {
    const own = region === this.#substrate.region;
    const count = own ? this.#options.watched : this.#options.watchedFar;
    const wanted = this.#rings.get(region)!.after(this.#own?.id ?? this.#place, count);
    const watched = this.#watched.get(region)!;
    const keep = new Set(wanted);
    for (const [id, { stop }] of watched) {
      if (keep.has(id)) continue;
      stop();
      watched.delete(id);
      this.#events.stale(id);
    }
    for (const [rank, id] of wanted.entries()) {
      const had = watched.get(id);
      if (had) {
        had.rank = rank;
        continue;
      }
      const one: Watched = { silentTicks: 0, rank, stop: () => {} };
      one.stop = this.#substrate.onHeartbeat(region, id, (payload) => {
        one.silentTicks = 0;
        this.#heardFrom(region);
        const load = parseLoad(payload);
        if (load) this.#events.load(id, load);
      });
      watched.set(id, one);
    }
  }

  #heardFrom(region: string): void {
    const ticks = this.#silentRegions.get(region);
    if (ticks === undefined) return;
    this.#silentRegions.set(region, 0);
    if (ticks > this.#goneTicks) for (const callback of this.#returned) callback(region);
  }
}

function parseLoad(payload: string): RelayLoad | undefined {
  try {
    const { viewers, rooms, cpu, egressBps, giftsHeld } = JSON.parse(payload) as RelayLoad;
    if (![viewers, rooms, cpu, egressBps].every(Number.isFinite)) return undefined;
    return { viewers, rooms, cpu, egressBps, ...(Number.isFinite(giftsHeld) && { giftsHeld: giftsHeld! }) };
  } catch {
    return undefined;
  }
}
