import type { Clock } from '../webhook/clock.ts';
import { DirectoryError } from './errors.ts';
import { endedWith, entryOf, type Held, type RoomRecord, repairs, winner } from './record.ts';
import { RevisionConflict, type Stored, type Substrate } from './substrate.ts';
import type { RoomEntry } from './types.ts';

export interface RoomsOptions {
  clock: Clock;
  /** 0 to 1. */
  random: () => number;
  /** Age up to which a room that is not watched is answered from memory, ms. */
  cacheMs: number;
  /** Rooms kept that nobody watches. */
  cached: number;
  /** Between two looks whether a watched room changed unheard, ms. */
  auditMs: number;
  /** So long after trouble copies may be far behind, ms. */
  copiesBehindMs: number;
}

interface Known {
  room: string;
  /** By region: what its bucket holds. */
  held: Map<string, { record: RoomRecord | undefined; revision: number }>;
  /** Of `held`: the one that counts. */
  best: Held | undefined;
  /** Clock's ms of the last complete look; undefined before the first. */
  lookedAt: number | undefined;
  looking: Promise<void> | undefined;
  callbacks: Set<(entry: RoomEntry) => void>;
  /** Last told to the callbacks. */
  told: RoomEntry | undefined;
  stop: (() => void) | undefined;
  nextAuditAt: number;
}

/** A closed room is remembered for an hour beyond the redirect that a move left: that must not outlive it. */
const MOVED_TTL_S = 3600;
const CLOSED_TTL_S = 2 * MOVED_TTL_S;
/** Others that write the same room at the same time: each attempt lets one of them through. */
const ATTEMPTS = 8;
const REFRESHED_AT_ONCE = 16;

/** Rooms by all regions' buckets: cached, watched, written by compare-and-set in their home. */
export class Rooms {
  readonly #substrate: Substrate;
  readonly #options: RoomsOptions;
  /** Least recently asked for first. */
  readonly #known = new Map<string, Known>();
  #watched = 0;
  /** Clock's ms until which copies may be far behind. */
  #distrustedUntil = 0;
  #stopAudit: () => void = () => {};

  constructor(substrate: Substrate, options: RoomsOptions) {
    this.#substrate = substrate;
    this.#options = options;
    this.#auditLater();
  }

  get size(): number {
    return this.#known.size;
  }

  get watched(): number {
    return this.#watched;
  }

  async lookup(room: string): Promise<RoomEntry | undefined> {
    const known = this.#knownOf(room);
    const age = known.lookedAt === undefined ? undefined : this.#options.clock.nowMs() - known.lookedAt;
    const fresh = age !== undefined && (known.stop !== undefined || (age >= 0 && age < this.#options.cacheMs));
    if (fresh || (age !== undefined && !this.#substrate.connected)) return this.#entry(known);
    try {
      await this.#look(known, this.#where);
    } catch (cause) {
      if (known.lookedAt === undefined && known.held.size === 0) throw unavailable(room, cause);
    }
    return this.#entry(known);
  }

  async open(room: string, home: string, origin: string): Promise<RoomEntry> {
    const known = this.#knownOf(room);
    for (let attempt = 0; ; attempt++) {
      await this.#lookOrThrow(known, this.#where);
      const there = known.best?.record;
      if (there && !there.closed) return entryOf(there);
      const epoch = this.#nextEpoch(known);
      const born = { at: this.#options.clock.nowMs(), region: home };
      const ended = endedWith(this.#all(known), born);
      const record = { room, home, origin, epoch, born, ...(ended.length > 0 ? { ended } : {}) };
      if (await this.#write(known, home, record, attempt)) return this.#mustEntry(known);
    }
  }

  async claim(room: string, expectedEpoch: number, origin: string): Promise<RoomEntry> {
    const known = this.#knownOf(room);
    for (let attempt = 0; ; attempt++) {
      await this.#lookOrThrow(known, 'home');
      const record = this.#openRecord(known);
      // The answer to a write that went through was lost.
      if (record.epoch === expectedEpoch + 1 && record.origin === origin) return entryOf(record);
      if (record.epoch !== expectedEpoch) throw conflict(record);
      const next = { ...record, origin, epoch: this.#nextEpoch(known) };
      if (await this.#write(known, record.home, next, attempt)) return this.#mustEntry(known);
    }
  }

  async move(room: string, to: { home: string; origin: string }): Promise<RoomEntry> {
    const known = this.#knownOf(room);
    await this.#lookOrThrow(known, 'home');
    const record = this.#openRecord(known);
    const next = { ...record, ...to, epoch: this.#nextEpoch(known) };
    if (to.home === record.home) return this.claim(room, record.epoch, to.origin);
    // First the fence: from here on nobody can claim it in the old home. The entry says it all, should the second be lost.
    if (!(await this.#write(known, record.home, next, 0, MOVED_TTL_S))) {
      await this.#lookOrThrow(known, 'home');
      throw conflict(this.#openRecord(known));
    }
    await this.#write(known, to.home, next, 0);
    await this.#lookOrThrow(known, 'home');
    return entryOf(this.#openRecord(known));
  }

  async close(room: string): Promise<void> {
    const known = this.#knownOf(room);
    for (let attempt = 0; ; attempt++) {
      await this.#lookOrThrow(known, 'home');
      const best = known.best?.record;
      if (!best || best.closed) return;
      if (await this.#write(known, best.home, { ...best, closed: true }, attempt, CLOSED_TTL_S)) return;
    }
  }

  watch(room: string, callback: (entry: RoomEntry) => void): () => void {
    const known = this.#knownOf(room);
    // Two watchers may be one function.
    const own = (entry: RoomEntry) => callback(entry);
    known.callbacks.add(own);
    if (known.stop === undefined) {
      this.#watched += 1;
      known.told = this.#entry(known);
      known.nextAuditAt = this.#options.clock.nowMs() + this.#options.auditMs * (0.5 + this.#options.random());
      known.stop = this.#substrate.onWrite('rooms', room, (region, stored) => {
        this.#take(known, region, stored);
        this.#settle(known);
      });
      // What was written before the watch stood is asked for now.
      known.lookedAt = undefined;
    }
    if (known.told) queueMicrotask(() => known.callbacks.has(own) && known.told && own(known.told));
    if (known.lookedAt === undefined) void this.#lookTwice(known);
    return () => {
      if (!known.callbacks.delete(own) || known.callbacks.size > 0) return;
      known.stop?.();
      known.stop = undefined;
      this.#watched -= 1;
    };
  }

  /** By the copies at once, then by the homes, since a copy may be behind. */
  async #lookTwice(known: Known): Promise<void> {
    await this.#look(known, 'near').catch(() => {});
    if (known.stop !== undefined) await this.#look(known, 'home').catch(() => {});
  }

  /** All watched rooms anew, after a time in which changes were lost, and for a while the others by their homes. */
  async refresh(): Promise<void> {
    this.#distrustedUntil = this.#options.clock.nowMs() + this.#options.copiesBehindMs;
    const rooms = [...this.#known.values()].filter(({ stop }) => stop !== undefined);
    const worker = async () => {
      for (let known = rooms.pop(); known; known = rooms.pop()) await this.#look(known, 'home').catch(() => {});
    };
    await Promise.all(Array.from({ length: REFRESHED_AT_ONCE }, worker));
  }

  stop(): void {
    this.#stopAudit();
    for (const { stop, callbacks } of this.#known.values()) {
      stop?.();
      callbacks.clear();
    }
    this.#known.clear();
    this.#watched = 0;
  }

  get #where(): 'near' | 'home' {
    return this.#options.clock.nowMs() < this.#distrustedUntil ? 'home' : 'near';
  }

  #knownOf(room: string): Known {
    let known = this.#known.get(room);
    if (known) {
      this.#known.delete(room);
    } else {
      known = {
        room,
        held: new Map(),
        best: undefined,
        lookedAt: undefined,
        looking: undefined,
        callbacks: new Set(),
        told: undefined,
        stop: undefined,
        nextAuditAt: 0,
      };
      this.#evict();
    }
    this.#known.set(room, known);
    return known;
  }

  #evict(): void {
    let over = this.#known.size - this.#watched - this.#options.cached + 1;
    if (over <= 0) return;
    for (const [room, { stop, looking }] of this.#known) {
      if (stop !== undefined || looking !== undefined) continue;
      this.#known.delete(room);
      over -= 1;
      if (over <= 0) return;
    }
  }

  #all(known: Known): Held[] {
    return [...known.held].flatMap(([bucket, { record }]) => (record ? [{ bucket, record }] : []));
  }

  /** Over all that any creation of the room gave out. */
  #nextEpoch(known: Known): number {
    return 1 + Math.max(0, ...this.#all(known).map(({ record }) => record.epoch));
  }

  #entry({ best }: Known): RoomEntry | undefined {
    return best && entryOf(best.record);
  }

  #mustEntry(known: Known): RoomEntry {
    const entry = this.#entry(known);
    if (!entry) throw new DirectoryError('directory_unavailable', `${known.room} was written and is gone`);
    return entry;
  }

  #openRecord(known: Known): RoomRecord {
    const record = known.best?.record;
    if (!record || record.closed) throw new DirectoryError('room_unknown', `no open room ${known.room}`);
    return record;
  }

  async #lookOrThrow(known: Known, where: 'near' | 'home'): Promise<void> {
    try {
      await this.#look(known, where);
    } catch (cause) {
      throw unavailable(known.room, cause);
    }
  }

  #look(known: Known, where: 'near' | 'home'): Promise<void> {
    // A look at the copies may answer an asker of the homes too early, so that only equals share one.
    if (where === 'near' && known.looking) return known.looking;
    const looking = this.#lookNow(known, where).finally(() => {
      if (known.looking === looking) known.looking = undefined;
    });
    known.looking = looking;
    return looking;
  }

  async #lookNow(known: Known, where: 'near' | 'home'): Promise<void> {
    const { region: own, regions } = this.#substrate;
    const far = regions.filter((region) => region !== own);
    const copies = where === 'home' ? far : regions;
    const results = await Promise.allSettled([
      ...copies.map((region) => this.#read(known, region, 'near')),
      ...(where === 'home' ? [this.#read(known, own, 'home')] : []),
    ]);
    const failed = results.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
    // A copy may be behind: before a room is taken for new, or written, its own domain is asked. One that is away is
    // another half of the world, and this half goes by what it has.
    if (where === 'home' || !known.best) {
      await Promise.allSettled(far.map((region) => this.#read(known, region, 'home')));
    }
    known.lookedAt = this.#options.clock.nowMs();
    this.#settle(known);
  }

  async #read(known: Known, region: string, where: 'near' | 'home'): Promise<void> {
    const before = known.held.get(region);
    const stored = await this.#substrate.read('rooms', region, known.room, where);
    if (stored) this.#take(known, region, stored);
    // Nothing there: of a copy because it is behind, of the bucket itself because it expired, unless a write came between.
    else if (where === 'home' && known.held.get(region) === before && known.held.delete(region)) {
      known.best = winner(this.#all(known));
    }
  }

  /** A region's bucket has this; old news changes nothing. */
  #take(known: Known, region: string, { value, revision }: Stored): void {
    const had = known.held.get(region);
    if (had && had.revision > revision) return;
    known.held.set(region, { record: value === undefined ? undefined : parseRecord(value, known.room), revision });
    known.best = winner(this.#all(known));
  }

  /** Tells the watchers, and writes what makes one of two rooms. */
  #settle(known: Known): void {
    const entry = this.#entry(known);
    // The one that stays of two is told of once its epoch is over the other's.
    if (entry && isNews(entry, known.told)) {
      known.told = entry;
      for (const callback of known.callbacks) callback(entry);
    }
    for (const { write, bucket, record } of repairs(this.#all(known))) {
      const ttlS = write === 'end' ? CLOSED_TTL_S : undefined;
      // Whoever is second finds it done; what fails is tried again with the next look.
      void this.#write(known, bucket, record, 0, ttlS).catch(() => {});
    }
  }

  /** False: somebody else wrote first, look again. Throws once that happened too often, or where nobody answers. */
  async #write(known: Known, region: string, record: RoomRecord, attempt: number, ttlS?: number): Promise<boolean> {
    const expected = known.held.get(region)?.revision ?? 0;
    const value = JSON.stringify(record);
    const options = ttlS === undefined ? { expected } : { expected, ttlS };
    try {
      const revision = await this.#substrate.write('rooms', region, known.room, value, options);
      this.#take(known, region, { key: known.room, value, revision });
      this.#settle(known);
      return true;
    } catch (cause) {
      if (cause instanceof RevisionConflict && attempt < ATTEMPTS) return false;
      throw unavailable(known.room, cause);
    }
  }

  #auditLater(): void {
    const { clock, auditMs, random } = this.#options;
    this.#stopAudit = clock.after(1000, () => {
      this.#auditLater();
      if (!this.#substrate.connected) return;
      const now = clock.nowMs();
      for (const known of this.#known.values()) {
        if (known.stop === undefined || known.nextAuditAt > now) continue;
        known.nextAuditAt = now + auditMs * (0.5 + random());
        void this.#look(known, 'near').catch(() => {});
      }
    });
  }
}

/** Epochs grow; within one a room can only close. */
function isNews(entry: RoomEntry, told: RoomEntry | undefined): boolean {
  if (!told) return true;
  return entry.epoch > told.epoch || (entry.epoch === told.epoch && entry.closed === true && told.closed !== true);
}

function conflict(record: RoomRecord): DirectoryError {
  const entry = entryOf(record);
  return new DirectoryError('epoch_conflict', `${record.room} is at epoch ${record.epoch}`, { entry });
}

function unavailable(room: string, cause: unknown): DirectoryError {
  if (cause instanceof DirectoryError) return cause;
  return new DirectoryError('directory_unavailable', `nobody answers for room ${room}`, { cause });
}

function parseRecord(value: string, room: string): RoomRecord | undefined {
  try {
    const record = JSON.parse(value) as RoomRecord;
    return record.room === room && Number.isInteger(record.epoch) && typeof record.born?.at === 'number'
      ? record
      : undefined;
  } catch {
    return undefined;
  }
}
