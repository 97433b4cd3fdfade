import { type Clock, systemClock } from '../webhook/clock.ts';
import { BucketDirectory, type DirectoryOptions } from './directory.ts';
import { type BucketKind, RevisionConflict, type Stored, type Substrate } from './substrate.ts';
import type { Directory } from './types.ts';

interface Bucket {
  revision: number;
  entries: Map<string, Stored & { expiresAt?: number }>;
  /** What each other region has of it. A cut stops them; they catch up when it ends. */
  copies: Map<string, { revision: number; entries: Map<string, Stored & { expiresAt?: number }> }>;
}

type Listener = (region: string, stored: Stored) => void;

/** Counts of what would be messages on a network. */
export interface CloudCounts {
  heartbeatsSent: number;
  heartbeatsDelivered: number;
  writes: number;
  /** Of stored writes, to each that listens. */
  writesDelivered: number;
  reads: number;
  listed: number;
}

/**
 * The substrate of several relays of one process, without a network: for tests, simulations, and a cluster on one machine.
 * News arrive in microtasks. Domains can be put away, and lines between them cut.
 */
export class MemoryCloud {
  readonly regions: readonly string[];
  readonly counts: CloudCounts = {
    heartbeatsSent: 0,
    heartbeatsDelivered: 0,
    writes: 0,
    writesDelivered: 0,
    reads: 0,
    listed: 0,
  };
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();
  readonly #away = new Set<string>();
  readonly #cut = new Set<string>();
  #copiesHeld = false;
  readonly #substrates = new Set<MemorySubstrate>();
  /** Key: kind, key. */
  readonly #writeListeners = new Map<string, Map<Listener, MemorySubstrate>>();
  /** Key: region, id. */
  readonly #orderListeners = new Map<string, Map<(what: string) => void, MemorySubstrate>>();
  /** Key: region, id. */
  readonly #heartbeatListeners = new Map<string, Map<(payload: string) => void, MemorySubstrate>>();

  constructor(options: { regions: readonly string[]; clock?: Clock }) {
    this.regions = options.regions;
    this.#clock = options.clock ?? systemClock;
    for (const region of this.regions) {
      for (const kind of ['relays', 'rooms']) {
        const copies = new Map(this.regions.map((other) => [other, { revision: 0, entries: new Map() }]));
        this.#buckets.set(`${kind} ${region}`, { revision: 0, entries: new Map(), copies });
      }
    }
  }

  /** For one relay. It uses the cloud's clock unless the options have one. */
  directory(region: string, options: DirectoryOptions = {}): Directory {
    return new BucketDirectory(this.substrate(region), { clock: this.#clock, ...options });
  }

  substrate(region: string): Substrate {
    const substrate = new MemorySubstrate(this, region);
    this.#substrates.add(substrate);
    return substrate;
  }

  /** The domain of a region goes away for everybody, or comes back with all that it had. */
  away(region: string, away: boolean): void {
    if (away) this.#away.add(region);
    else this.#away.delete(region);
    this.#mirror();
    for (const substrate of this.#substrates) if (substrate.region === region) substrate.tell();
  }

  /** The line between two domains. */
  cut(a: string, b: string, cut: boolean): void {
    for (const line of [`${a} ${b}`, `${b} ${a}`]) {
      if (cut) this.#cut.add(line);
      else this.#cut.delete(line);
    }
    this.#mirror();
  }

  /** Copies stand still though the lines are there, as NATS's do for a while after trouble, or catch up. */
  holdCopies(held: boolean): void {
    this.#copiesHeld = held;
    this.#mirror();
  }

  /** Whether `from` reaches the domain of `to`. */
  reaches(from: string, to: string): boolean {
    return !this.#away.has(from) && !this.#away.has(to) && !this.#cut.has(`${from} ${to}`);
  }

  bucket(kind: BucketKind, region: string): Bucket {
    const bucket = this.#buckets.get(`${kind} ${region}`);
    if (!bucket) throw new Error(`no region ${region}`);
    return bucket;
  }

  read(kind: BucketKind, region: string, key: string, from: string, where: 'near' | 'home'): Stored | undefined {
    this.counts.reads += 1;
    const entry = this.#side(kind, region, from, where).entries.get(key);
    return entry && (entry.expiresAt ?? Number.POSITIVE_INFINITY) > this.#clock.nowMs() ? entry : undefined;
  }

  list(
    kind: BucketKind,
    region: string,
    from: string,
    where: 'near' | 'home',
  ): { entries: Stored[]; revision: number } {
    const { entries, revision } = this.#side(kind, region, from, where);
    this.counts.listed += entries.size;
    return { entries: [...entries.values()], revision };
  }

  write(
    kind: BucketKind,
    region: string,
    key: string,
    value: string | undefined,
    options: { expected?: number; ttlS?: number },
    from: string,
  ): number {
    this.#mustReach(from, region);
    const bucket = this.bucket(kind, region);
    const had = this.read(kind, region, key, region, 'home');
    if (options.expected !== undefined && options.expected !== (had?.revision ?? 0)) {
      throw new RevisionConflict(`${key} is at ${had?.revision ?? 0}, not ${options.expected}`);
    }
    bucket.revision += 1;
    const stored: Stored & { expiresAt?: number } = { key, value, revision: bucket.revision };
    if (options.ttlS !== undefined) stored.expiresAt = this.#clock.nowMs() + options.ttlS * 1000;
    bucket.entries.set(key, stored);
    this.counts.writes += 1;
    this.#mirrorOne(kind, region, stored);
    for (const name of [`${kind} ${key}`, `${kind} *`]) {
      for (const [listener, { region: at }] of this.#writeListeners.get(name) ?? []) {
        if (!this.reaches(at, region)) continue;
        this.counts.writesDelivered += 1;
        queueMicrotask(() => this.#writeListeners.get(name)?.has(listener) && listener(region, stored));
      }
    }
    return bucket.revision;
  }

  heartbeat(region: string, id: string, payload: string): void {
    this.counts.heartbeatsSent += 1;
    const name = `${region} ${id}`;
    for (const [listener, { region: at }] of this.#heartbeatListeners.get(name) ?? []) {
      if (!this.reaches(at, region)) continue;
      this.counts.heartbeatsDelivered += 1;
      queueMicrotask(() => this.#heartbeatListeners.get(name)?.has(listener) && listener(payload));
    }
  }

  order(region: string, id: string, what: string, from: string): void {
    const name = `${region} ${id}`;
    if (!this.reaches(from, region)) return;
    for (const [listener] of this.#orderListeners.get(name) ?? []) {
      queueMicrotask(() => this.#orderListeners.get(name)?.has(listener) && listener(what));
    }
  }

  onOrder(region: string, id: string, substrate: MemorySubstrate, listener: (what: string) => void): () => void {
    return listen(this.#orderListeners, `${region} ${id}`, substrate, listener);
  }

  onWrite(kind: BucketKind, key: string, substrate: MemorySubstrate, listener: Listener): () => void {
    return listen(this.#writeListeners, `${kind} ${key}`, substrate, listener);
  }

  onHeartbeat(region: string, id: string, substrate: MemorySubstrate, listener: (payload: string) => void): () => void {
    return listen(this.#heartbeatListeners, `${region} ${id}`, substrate, listener);
  }

  leave(substrate: MemorySubstrate): void {
    this.#substrates.delete(substrate);
  }

  #mustReach(from: string, to: string): void {
    if (!this.reaches(from, to)) throw new Error(`${from} does not reach the domain of ${to}`);
  }

  #side(kind: BucketKind, region: string, from: string, where: 'near' | 'home') {
    this.#mustReach(from, where === 'home' ? region : from);
    const bucket = this.bucket(kind, region);
    return where === 'home' || from === region ? bucket : bucket.copies.get(from)!;
  }

  #mirrorOne(kind: BucketKind, region: string, stored: Stored): void {
    if (this.#copiesHeld) return;
    for (const [other, copy] of this.bucket(kind, region).copies) {
      if (other === region || !this.reaches(other, region)) continue;
      copy.entries.set(stored.key, stored);
      copy.revision = stored.revision;
    }
  }

  #mirror(): void {
    if (this.#copiesHeld) return;
    for (const [name, bucket] of this.#buckets) {
      const region = name.split(' ')[1]!;
      for (const [other, copy] of bucket.copies) {
        if (other === region || !this.reaches(other, region)) continue;
        copy.entries = new Map(bucket.entries);
        copy.revision = bucket.revision;
      }
    }
  }
}

class MemorySubstrate implements Substrate {
  readonly region: string;
  readonly #cloud: MemoryCloud;
  #tell: ((connected: boolean) => void)[] = [];
  #told: boolean;
  #closed = false;

  constructor(cloud: MemoryCloud, region: string) {
    this.#cloud = cloud;
    this.region = region;
    this.#told = this.connected;
  }

  get regions(): readonly string[] {
    return this.#cloud.regions;
  }

  get connected(): boolean {
    return !this.#closed && this.#cloud.reaches(this.region, this.region);
  }

  onConnected(callback: (connected: boolean) => void): void {
    this.#tell.push(callback);
  }

  tell(): void {
    if (this.connected === this.#told) return;
    this.#told = this.connected;
    for (const callback of this.#tell) callback(this.#told);
  }

  async read(kind: BucketKind, region: string, key: string, where: 'near' | 'home'): Promise<Stored | undefined> {
    return this.#cloud.read(kind, region, key, this.region, where);
  }

  async list(
    kind: BucketKind,
    region: string,
    where: 'near' | 'home',
  ): Promise<{ entries: Stored[]; revision: number }> {
    return this.#cloud.list(kind, region, this.region, where);
  }

  async revision(kind: BucketKind, region: string): Promise<number> {
    if (!this.#cloud.reaches(this.region, region)) throw new Error(`${region} is not reached`);
    return this.#cloud.bucket(kind, region).revision;
  }

  async write(
    kind: BucketKind,
    region: string,
    key: string,
    value: string | undefined,
    options: { expected?: number; ttlS?: number },
  ): Promise<number> {
    return this.#cloud.write(kind, region, key, value, options, this.region);
  }

  onWrite(kind: BucketKind, key: string, callback: Listener): () => void {
    return this.#cloud.onWrite(kind, key, this, callback);
  }

  heartbeat(region: string, id: string, payload: string): void {
    this.#cloud.heartbeat(region, id, payload);
  }

  onHeartbeat(region: string, id: string, callback: (payload: string) => void): () => void {
    return this.#cloud.onHeartbeat(region, id, this, callback);
  }

  order(region: string, id: string, what: string): void {
    this.#cloud.order(region, id, what, this.region);
  }

  onOrder(id: string, callback: (what: string) => void): () => void {
    return this.#cloud.onOrder(this.region, id, this, callback);
  }

  async shutdown(): Promise<void> {
    this.#closed = true;
    this.#tell = [];
    this.#cloud.leave(this);
  }
}

function listen<L>(all: Map<string, Map<L, MemorySubstrate>>, name: string, substrate: MemorySubstrate, listener: L) {
  const there = all.get(name) ?? new Map<L, MemorySubstrate>();
  all.set(name, there.set(listener, substrate));
  return () => {
    there.delete(listener);
    if (there.size === 0) all.delete(name);
  };
}
