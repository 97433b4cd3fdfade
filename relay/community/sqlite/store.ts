import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HayateError } from '@hayate/codec/errors';
import {
  type AuditEntry,
  type AuditQuery,
  type Ban,
  type BanCursor,
  type Change,
  type CommunityStore,
  type NewAuditEntry,
  type Pruned,
  type PruneOptions,
  type Revocation,
  type RevocationCursor,
  VISIT_GAP_MS,
  type Visit,
} from '../types.ts';

/** "HGC1" in the file's header: tells this file from any other SQLite file. */
const APPLICATION_ID = 0x48474331;
const BUSY_TIMEOUT_MS = 2000;
/** Pages kept in the process. The kernel keeps the rest: a small machine has each page once. */
const CACHE_KIB = 1024;

/** Step n takes a file of version n to n + 1. Steps are only ever added. */
const STEPS = [
  `CREATE TABLE bans (
     room TEXT NOT NULL,
     subject TEXT NOT NULL,
     by TEXT NOT NULL,
     reason TEXT NOT NULL,
     at_ms INTEGER NOT NULL,
     until_ms INTEGER,
     PRIMARY KEY (room, subject)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE revocations (
     kind TEXT NOT NULL CHECK (kind IN ('token', 'subject')),
     value TEXT NOT NULL,
     not_before_ms INTEGER,
     by TEXT NOT NULL,
     reason TEXT NOT NULL,
     at_ms INTEGER NOT NULL,
     until_ms INTEGER NOT NULL,
     PRIMARY KEY (kind, value)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE visits (
     id INTEGER PRIMARY KEY,
     room TEXT NOT NULL,
     subject TEXT NOT NULL,
     first_at_ms INTEGER NOT NULL,
     last_at_ms INTEGER NOT NULL,
     count INTEGER NOT NULL,
     UNIQUE (room, subject)
   ) STRICT;
   CREATE INDEX visits_last ON visits (last_at_ms);
   CREATE TABLE audit (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     at_ms INTEGER NOT NULL,
     room TEXT,
     via TEXT NOT NULL,
     actor TEXT NOT NULL,
     action TEXT NOT NULL,
     target TEXT,
     detail TEXT
   ) STRICT;
   CREATE INDEX audit_room ON audit (room, id);
   CREATE INDEX audit_time ON audit (at_ms);
   CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'entries never change'); END;`,
];

/** The methods of the store, of one connection and without waiting. */
export type StoreMethod = Exclude<keyof CommunityStore, 'waiting' | 'close'>;

interface RevocationRow extends Pick<Revocation, 'by' | 'reason' | 'atMs' | 'untilMs'> {
  kind: Revocation['kind'];
  value: string;
  notBeforeMs: number | null;
}

type Statements = ReturnType<typeof prepareAll>;

/** The file of a community, opened. Throws what node:sqlite throws. */
export class SqliteStore {
  readonly #db: DatabaseSync;
  readonly #do: Statements;
  #synchronous = '';

  /** @throws HayateError `invalid_argument` for a file that is damaged, of another kind or of a newer version */
  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    try {
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA trusted_schema = OFF; PRAGMA fullfsync = ON');
      this.#db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
      migrate(this.#db, path);
      this.#do = prepareAll(this.#db);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** @param durable it holds what must be on the disk when it is answered */
  begin(durable: boolean): void {
    const synchronous = durable ? 'FULL' : 'NORMAL';
    if (synchronous !== this.#synchronous) this.#db.exec(`PRAGMA synchronous = ${synchronous}`);
    this.#synchronous = synchronous;
    this.#db.exec('BEGIN IMMEDIATE');
  }

  commit(): void {
    this.#db.exec('COMMIT');
  }

  /** Nothing where no transaction is open. */
  rollback(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
  }

  close(): void {
    this.#db.close();
  }

  record({ atMs, room, via, actor, action, target, detail }: NewAuditEntry, change?: Change): number {
    if (change) this.#change(change);
    return Number(this.#do.append.run(atMs, room, via, actor, action, target, detail).lastInsertRowid);
  }

  bans(room: string | undefined, after: BanCursor | undefined, limit: number): Ban[] {
    const { room: afterRoom = '', subject = '' } = after ?? {};
    return this.#do.bans.all(room ?? null, afterRoom, subject, limit).map(plain<Ban>);
  }

  revocations(after: RevocationCursor | undefined, limit: number): Revocation[] {
    return this.#do.revocations.all(after?.kind ?? '', after?.value ?? '', limit).map((row) => {
      const { kind, value, notBeforeMs, ...shared } = plain<RevocationRow>(row);
      return kind === 'token'
        ? { kind, jti: value, ...shared }
        : { kind, subject: value, notBeforeMs: notBeforeMs ?? 0, ...shared };
    });
  }

  audit({ room, actor, target, afterId, limit }: AuditQuery): AuditEntry[] {
    const { audit, auditOf } = this.#do;
    const rows =
      room === undefined
        ? audit.all(afterId, actor ?? null, target ?? null, limit)
        : auditOf.all(afterId, actor ?? null, target ?? null, limit, room);
    return rows.map(plain<AuditEntry>);
  }

  visit(room: string, subject: string, nowMs: number): Visit {
    const row = this.#do.visitOf.get(room, subject) as (Visit & { id: number }) | undefined;
    if (!row) {
      this.#do.firstVisit.run(room, subject, nowMs);
      return { firstAtMs: nowMs, lastAtMs: nowMs, count: 1 };
    }
    const { id, firstAtMs, lastAtMs } = row;
    const count = nowMs - lastAtMs > VISIT_GAP_MS ? row.count + 1 : row.count;
    this.#do.nextVisit.run(nowMs, count, id);
    return { firstAtMs, lastAtMs, count };
  }

  left(room: string, subject: string, nowMs: number): void {
    this.#do.left.run(room, subject, nowMs);
  }

  prune({ nowMs, visitsBeforeMs, maxVisits, auditBeforeMs, limit }: PruneOptions): Pruned {
    const { pruneBans, pruneRevocations, pruneVisits, pruneAudit, visits } = this.#do;
    const { count } = visits.get() as { count: number };
    const tooMany = Math.min(limit, Math.max(0, count - maxVisits));
    return {
      bans: Number(pruneBans.run(nowMs, limit).changes),
      revocations: Number(pruneRevocations.run(nowMs, limit).changes),
      visits: Number(pruneVisits.run(visitsBeforeMs, limit, tooMany).changes),
      audit: Number(pruneAudit.run(auditBeforeMs, limit).changes),
    };
  }

  #change(change: Change): void {
    if (change.do === 'ban') {
      const { room, subject, by, reason, atMs, untilMs } = change.ban;
      this.#do.ban.run(room, subject, by, reason, atMs, untilMs);
    } else if (change.do === 'unban') this.#do.unban.run(change.room, change.subject);
    else if (change.do === 'unrevoke') this.#do.unrevoke.run(change.kind, change.value);
    else {
      const { revocation } = change;
      const { kind, by, reason, atMs, untilMs } = revocation;
      const [value, notBefore] =
        revocation.kind === 'token' ? [revocation.jti, null] : [revocation.subject, revocation.notBeforeMs];
      this.#do.revoke.run(kind, value, notBefore, by, reason, atMs, untilMs);
    }
  }
}

/** Rows of node:sqlite have no prototype. */
const plain = <T>(row: object): T => ({ ...row }) as T;

function prepareAll(db: DatabaseSync) {
  const audit = 'SELECT id, at_ms AS atMs, room, via, actor, action, target, detail FROM audit';
  const wanted = 'id > ?1 AND (?2 IS NULL OR actor = ?2) AND (?3 IS NULL OR target = ?3)';
  return {
    append: db.prepare(
      'INSERT INTO audit (at_ms, room, via, actor, action, target, detail) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    audit: db.prepare(`${audit} WHERE ${wanted} ORDER BY id LIMIT ?4`),
    auditOf: db.prepare(`${audit} WHERE ${wanted} AND room = ?5 ORDER BY id LIMIT ?4`),
    ban: db.prepare('INSERT OR REPLACE INTO bans VALUES (?, ?, ?, ?, ?, ?)'),
    unban: db.prepare('DELETE FROM bans WHERE room = ? AND subject = ?'),
    bans: db.prepare(
      `SELECT room, subject, by, reason, at_ms AS atMs, until_ms AS untilMs FROM bans
       WHERE (room, subject) > (?2, ?3) AND (?1 IS NULL OR room = ?1) ORDER BY room, subject LIMIT ?4`,
    ),
    revoke: db.prepare('INSERT OR REPLACE INTO revocations VALUES (?, ?, ?, ?, ?, ?, ?)'),
    unrevoke: db.prepare('DELETE FROM revocations WHERE kind = ? AND value = ?'),
    revocations: db.prepare(
      `SELECT kind, value, not_before_ms AS notBeforeMs, by, reason, at_ms AS atMs, until_ms AS untilMs FROM revocations
       WHERE (kind, value) > (?1, ?2) ORDER BY kind, value LIMIT ?3`,
    ),
    visitOf: db.prepare(
      `SELECT id, first_at_ms AS firstAtMs, last_at_ms AS lastAtMs, count FROM visits WHERE room = ? AND subject = ?`,
    ),
    firstVisit: db.prepare(
      'INSERT INTO visits (room, subject, first_at_ms, last_at_ms, count) VALUES (?1, ?2, ?3, ?3, 1)',
    ),
    // A clock that was set back makes no visit older.
    nextVisit: db.prepare('UPDATE visits SET last_at_ms = max(last_at_ms, ?), count = ? WHERE id = ?'),
    left: db.prepare('UPDATE visits SET last_at_ms = max(last_at_ms, ?3) WHERE room = ?1 AND subject = ?2'),
    visits: db.prepare('SELECT count(*) AS count FROM visits'),
    pruneBans: db.prepare(
      `DELETE FROM bans WHERE (room, subject) IN
       (SELECT room, subject FROM bans WHERE until_ms IS NOT NULL AND until_ms <= ?1 ORDER BY room, subject LIMIT ?2)`,
    ),
    pruneRevocations: db.prepare(
      `DELETE FROM revocations WHERE (kind, value) IN
       (SELECT kind, value FROM revocations WHERE until_ms <= ?1 ORDER BY kind, value LIMIT ?2)`,
    ),
    pruneVisits: db.prepare(
      `DELETE FROM visits WHERE id IN (SELECT id FROM visits WHERE last_at_ms < ?1 ORDER BY last_at_ms LIMIT ?2)
       OR id IN (SELECT id FROM visits ORDER BY last_at_ms LIMIT ?3)`,
    ),
    pruneAudit: db.prepare(
      'DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at_ms < ?1 ORDER BY at_ms, id LIMIT ?2)',
    ),
  };
}

function migrate(db: DatabaseSync, path: string): void {
  const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  const refuse = (why: string) => new HayateError('invalid_argument', `community.file ${path} ${why}`);
  db.exec('BEGIN IMMEDIATE');
  try {
    const version = pragma('user_version') as number;
    const { tables } = db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number };
    const application = pragma('application_id');
    const empty = application === 0 && tables === 0;
    if (!empty && application !== APPLICATION_ID) throw refuse('is another kind of file');
    if (version > STEPS.length) throw refuse(`has version ${version}, this program knows ${STEPS.length}`);
    // A damaged index could hide a ban.
    const found = pragma('integrity_check(1)');
    if (found !== 'ok') throw refuse(`is damaged: ${found}`);
    for (const step of STEPS.slice(version)) db.exec(step);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${STEPS.length}`);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
