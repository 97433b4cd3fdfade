import {
  type AuditEntry,
  type AuditQuery,
  type Ban,
  type BanCursor,
  type Change,
  type CommunityStore,
  cursorOf,
  type NewAuditEntry,
  type Pruned,
  type PruneOptions,
  type Revocation,
  type RevocationCursor,
  VISIT_GAP_MS,
  type Visit,
} from './types.ts';

interface Row {
  room: string;
  subject: string;
  firstAtMs: number;
  lastAtMs: number;
  count: number;
}

const keyOf = (room: string, subject: string) => JSON.stringify([room, subject]);
/** As SQLite compares: by the bytes of UTF-8. */
const compare = (a: readonly [string, string], b: readonly [string, string]) =>
  Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0])) || Buffer.compare(Buffer.from(a[1]), Buffer.from(b[1]));
const place = ({ room, subject }: BanCursor) => [room, subject] as const;
const pair = ({ kind, value }: RevocationCursor) => [kind, value] as const;

/** The model of the store: for tests, and for relays that need to remember nothing. */
export class MemoryCommunityStore implements CommunityStore {
  readonly waiting = 0;
  readonly #bans = new Map<string, Ban>();
  readonly #revocations = new Map<string, Revocation>();
  readonly #visits = new Map<string, Row>();
  #audit: AuditEntry[] = [];
  #nextId = 1;

  async record(entry: NewAuditEntry, change?: Change): Promise<number> {
    if (change) this.#change(change);
    const id = this.#nextId++;
    this.#audit.push({ id, ...entry });
    return id;
  }

  async bans(room: string | undefined, after: BanCursor | undefined, limit: number): Promise<Ban[]> {
    return [...this.#bans.values()]
      .filter((ban) => (room === undefined || ban.room === room) && (!after || compare(place(after), place(ban)) < 0))
      .sort((a, b) => compare(place(a), place(b)))
      .slice(0, limit);
  }

  async revocations(after: RevocationCursor | undefined, limit: number): Promise<Revocation[]> {
    return [...this.#revocations.values()]
      .filter((revocation) => !after || compare(pair(after), pair(cursorOf(revocation))) < 0)
      .sort((a, b) => compare(pair(cursorOf(a)), pair(cursorOf(b))))
      .slice(0, limit);
  }

  async audit({ room, actor, target, afterId, limit }: AuditQuery): Promise<AuditEntry[]> {
    return this.#audit
      .filter(
        (entry) =>
          entry.id > afterId &&
          (room === undefined || entry.room === room) &&
          (actor === undefined || entry.actor === actor) &&
          (target === undefined || entry.target === target),
      )
      .slice(0, limit);
  }

  async visit(room: string, subject: string, nowMs: number): Promise<Visit> {
    const key = keyOf(room, subject);
    const row = this.#visits.get(key);
    if (!row) {
      this.#visits.set(key, { room, subject, firstAtMs: nowMs, lastAtMs: nowMs, count: 1 });
      return { firstAtMs: nowMs, lastAtMs: nowMs, count: 1 };
    }
    const { lastAtMs } = row;
    if (nowMs - lastAtMs > VISIT_GAP_MS) row.count++;
    row.lastAtMs = Math.max(lastAtMs, nowMs);
    return { firstAtMs: row.firstAtMs, lastAtMs, count: row.count };
  }

  async left(room: string, subject: string, nowMs: number): Promise<void> {
    const row = this.#visits.get(keyOf(room, subject));
    if (row) row.lastAtMs = Math.max(row.lastAtMs, nowMs);
  }

  async prune({ nowMs, visitsBeforeMs, maxVisits, auditBeforeMs, limit }: PruneOptions): Promise<Pruned> {
    const over = ({ untilMs }: { untilMs: number | null }) => untilMs !== null && untilMs <= nowMs;
    const bans = take(this.#bans, ([, ban]) => over(ban), limit);
    const revocations = take(this.#revocations, ([, revocation]) => over(revocation), limit);
    const old = [...this.#visits.entries()].sort(([, a], [, b]) => a.lastAtMs - b.lastAtMs);
    const tooMany = Math.max(0, old.length - maxVisits);
    const gone = old.filter(([, { lastAtMs }], at) => lastAtMs < visitsBeforeMs || at < tooMany).slice(0, limit);
    for (const [key] of gone) this.#visits.delete(key);
    const past = this.#audit.filter(({ atMs }) => atMs < auditBeforeMs);
    const entries = past.sort((a, b) => a.atMs - b.atMs || a.id - b.id).slice(0, limit);
    this.#audit = this.#audit.filter((entry) => !entries.includes(entry));
    return { bans, revocations, visits: gone.length, audit: entries.length };
  }

  async close(): Promise<void> {}

  #change(change: Change): void {
    if (change.do === 'ban') this.#bans.set(keyOf(change.ban.room, change.ban.subject), change.ban);
    else if (change.do === 'unban') this.#bans.delete(keyOf(change.room, change.subject));
    else if (change.do === 'revoke') {
      const { revocation } = change;
      this.#revocations.set(keyOf(...pair(cursorOf(revocation))), revocation);
    } else this.#revocations.delete(keyOf(...pair(change)));
  }
}

function take<T>(map: Map<string, T>, goes: (entry: [string, T]) => boolean, limit: number): number {
  const inOrder = [...map].filter(goes).sort(([a], [b]) => compare(JSON.parse(a), JSON.parse(b)));
  const gone = inOrder.slice(0, limit);
  for (const [key] of gone) map.delete(key);
  return gone.length;
}
