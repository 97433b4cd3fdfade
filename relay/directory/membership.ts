import type { Clock } from '../webhook/clock.ts';
import { Heartbeats } from './heartbeats.ts';
import type { Stored, Substrate } from './substrate.ts';
import type { KnownRelay, RelayEntry } from './types.ts';

interface Member {
  relay: KnownRelay;
  /** All of it but the load. */
  fixed: string;
  revision: number;
}

export interface MembershipOptions {
  clock: Clock;
  /** 0 to 1. */
  random: () => number;
  heartbeatMs: number;
  goneMs: number;
  watched: number;
  watchedFar: number;
  /** Between two looks whether a change was missed. */
  auditMs: number;
}

/** Who lives: the buckets of relays of all regions as one list, and this relay's own entry in its region's. */
export class Membership {
  readonly heartbeats: Heartbeats;
  readonly #substrate: Substrate;
  readonly #options: MembershipOptions;
  readonly #members = new Map<string, Member>();
  /** By region: complete up to this revision. */
  readonly #revisions = new Map<string, number>();
  /** By region: the highest revision that a change came with. */
  readonly #heard = new Map<string, number>();
  /** Removals by name that the list is not complete up to: an older listing that is on its way still has the entry. */
  readonly #removed = new Map<string, { region: string; revision: number }>();
  readonly #listing = new Set<string>();
  readonly #callbacks = new Set<() => void>();
  readonly #stops: (() => void)[] = [];
  #list: readonly KnownRelay[] | undefined;
  #own: RelayEntry | undefined;
  #ownRevision = 0;
  #writing: Promise<void> | undefined;
  #dirty = false;
  #stopRetry: (() => void) | undefined;
  #stopAudit: (() => void) | undefined;
  #closed = false;

  constructor(substrate: Substrate, options: MembershipOptions) {
    this.#substrate = substrate;
    this.#options = options;
    this.heartbeats = new Heartbeats(substrate, options, {
      load: (id, load) => {
        const member = this.#members.get(id);
        if (!member) return;
        member.relay.load = load;
        member.relay.loadFresh = true;
      },
      stale: (id) => {
        const member = this.#members.get(id);
        if (member) member.relay.loadFresh = false;
      },
      gone: (id) => void this.#remove(id),
    });
    this.#stops.push(
      substrate.onWrite('relays', '*', (region, stored) => {
        const { revision } = stored;
        const known = this.#revisions.get(region);
        this.#heard.set(region, Math.max(revision, this.#heard.get(region) ?? 0));
        if (this.#apply(region, stored)) this.#changed();
        if (revision === (known ?? 0) + 1) this.#complete(region, revision);
        // One was missed. The first listing, where there was none yet, is on its way.
        else if (known !== undefined && revision > known) void this.relist(region, 'home').catch(() => {});
      }),
    );
    this.#audit();
  }

  get relays(): readonly KnownRelay[] {
    this.#list ??= [...this.#members.values()].map(({ relay }) => relay).sort((a, b) => (a.id < b.id ? -1 : 1));
    return this.#list;
  }

  onChange(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  announce(entry: RelayEntry): void {
    const before = this.#own;
    this.#own = entry;
    this.heartbeats.announce(entry.id, entry.load);
    const member = this.#members.get(entry.id);
    if (member) member.relay.load = entry.load;
    if (before === undefined || fixedPart(before) !== fixedPart(entry)) void this.#write();
  }

  async withdraw(): Promise<void> {
    const own = this.#own;
    if (!own) return;
    this.#own = undefined;
    this.heartbeats.silence();
    this.#stopRetry?.();
    await this.#writing;
    if (this.#ownRevision === 0) return;
    const expected = this.#ownRevision;
    this.#ownRevision = 0;
    await this.#substrate
      .write('relays', own.region, own.id, undefined, { expected, ttlS: REMOVED_TTL_S })
      .catch(() => {
        // Its heartbeats have ended: the others find out in 3 s.
      });
  }

  /** Everything anew, after a time in which changes were lost. */
  async resync(): Promise<void> {
    if (this.#own) void this.#write();
    await Promise.all(this.#substrate.regions.map((region) => this.#listAnyhow(region)));
  }

  /** A copy may be behind; it is for when its region is away. */
  #listAnyhow(region: string): Promise<void> {
    return this.relist(region, 'home').catch(() => this.relist(region, 'near').catch(() => undefined));
  }

  async relist(region: string, where: 'near' | 'home'): Promise<void> {
    if (this.#listing.has(region)) return;
    this.#listing.add(region);
    let again = false;
    try {
      const { entries, revision } = await this.#substrate.list('relays', region, where);
      // A copy that is behind knows less than the changes heard since.
      if (revision < (this.#revisions.get(region) ?? 0)) return;
      const there = new Set(entries.filter(({ value }) => value !== undefined).map(({ key }) => key));
      let changed = false;
      for (const stored of entries) changed = this.#apply(region, stored) || changed;
      for (const [id, { relay, revision: had }] of this.#members) {
        if (relay.region === region && !there.has(id) && had <= revision) changed = this.#drop(id) || changed;
      }
      this.#complete(region, revision);
      if (changed) this.#changed();
      again = (this.#heard.get(region) ?? 0) > revision && where === 'near';
    } finally {
      this.#listing.delete(region);
    }
    if (again) await this.relist(region, 'home');
  }

  stop(): void {
    this.#closed = true;
    this.heartbeats.stop();
    for (const stop of this.#stops) stop();
    this.#stopRetry?.();
    this.#stopAudit?.();
    this.#callbacks.clear();
  }

  /** All changes up to this one are known; a listing of less is refused from now on. */
  #complete(region: string, revision: number): void {
    this.#revisions.set(region, revision);
    for (const [key, gone] of this.#removed) {
      if (gone.region === region && gone.revision <= revision) this.#removed.delete(key);
    }
  }

  /** Whether it changed anything that is seen. */
  #apply(region: string, { key, value, revision }: Stored): boolean {
    const had = this.#members.get(key);
    if (had && had.revision >= revision) return false;
    const gone = this.#removed.get(key);
    if (gone?.region === region && gone.revision >= revision) return false;
    if (value === undefined) {
      this.#removed.set(key, { region, revision });
      // Taken for dead while it lives: say so. A late word of an older entry of the same name is none of this relay's.
      if (key === this.#own?.id && region === this.#own.region && revision > this.#ownRevision) this.#retry();
      return had !== undefined && this.#drop(key);
    }
    const entry = parseEntry(value, region);
    if (!entry) return false;
    const fixed = fixedPart(entry);
    if (had && had.fixed === fixed) {
      // Written again, as after an answer that was lost.
      had.revision = revision;
      if (!had.relay.loadFresh) had.relay.load = entry.load;
      return false;
    }
    const relay: KnownRelay = { ...entry, loadFresh: had?.relay.loadFresh ?? false };
    if (had && relay.loadFresh) relay.load = had.relay.load;
    if (key === this.#own?.id) {
      relay.load = this.#own.load;
      relay.loadFresh = true;
    }
    this.#members.set(key, { relay, fixed, revision });
    if (!had) this.heartbeats.joined(region, key);
    return true;
  }

  #drop(id: string): boolean {
    const member = this.#members.get(id);
    if (!member) return false;
    this.#members.delete(id);
    this.heartbeats.left(member.relay.region, id);
    return true;
  }

  #changed(): void {
    this.#list = undefined;
    for (const callback of this.#callbacks) callback();
  }

  /** A relay of the own region is silent: its entry goes, unless it wrote a newer one. */
  async #remove(id: string): Promise<void> {
    const member = this.#members.get(id);
    if (!member) return;
    const options = { expected: member.revision, ttlS: REMOVED_TTL_S };
    try {
      const revision = await this.#substrate.write('relays', member.relay.region, id, undefined, options);
      if (this.#apply(member.relay.region, { key: id, value: undefined, revision })) this.#changed();
    } catch {
      // Another one was first, or the relay came back, or NATS is away: what was written is heard of, or it is tried again.
    }
  }

  #write(): Promise<void> {
    this.#dirty = true;
    this.#writing ??= (async () => {
      while (this.#dirty && this.#own && !this.#closed) {
        this.#dirty = false;
        const own = this.#own;
        try {
          const revision = await this.#substrate.write('relays', own.region, own.id, JSON.stringify(own), {});
          this.#ownRevision = Math.max(this.#ownRevision, revision);
          if (this.#apply(own.region, { key: own.id, value: JSON.stringify(own), revision })) this.#changed();
        } catch {
          this.#retry();
        }
      }
    })().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** Jittered: a domain that comes back is not met by everybody at once. */
  #retry(): void {
    this.#stopRetry?.();
    const { clock, heartbeatMs, random } = this.#options;
    this.#stopRetry = clock.after(heartbeatMs * (0.2 + random()), () => {
      if (this.#own) void this.#write();
    });
  }

  #audit(): void {
    const { clock, auditMs, random } = this.#options;
    this.#stopAudit = clock.after(auditMs * (0.75 + random() / 2), () => {
      this.#audit();
      if (!this.#substrate.connected) return;
      for (const region of this.#substrate.regions) {
        void this.#check(region);
      }
    });
  }

  async #check(region: string): Promise<void> {
    const known = this.#revisions.get(region);
    if (known === undefined) return this.#listAnyhow(region);
    const revision = await this.#substrate.revision('relays', region).catch(() => 0);
    if (revision > known) await this.#listAnyhow(region);
  }
}

/** A mark of removal has to outlast every mirror that is behind. */
const REMOVED_TTL_S = 3600;

const fixedPart = ({ load: _, ...rest }: RelayEntry): string => JSON.stringify(rest);

function parseEntry(value: string, region: string): RelayEntry | undefined {
  try {
    const entry = JSON.parse(value) as RelayEntry;
    return entry.region === region && typeof entry.id === 'string' ? entry : undefined;
  } catch {
    return undefined;
  }
}
