import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { CHAIN_START, checksumOf, sameBytes } from '../checksum.ts';
import { ledgerError } from '../errors.ts';
import type { ReadRecord } from '../types.ts';
import { ledgerFailure } from './failure.ts';
import { checkChains, checkDeliverable, checkPages, checkWitness } from './open.ts';
import { checkVersion } from './schema.ts';
import { FIELDS, prepareAll, type Row, recordOf, type Statements } from './statements.ts';
import { type Head, readWitness, type Witnessed } from './witness.ts';

/** Where a record is on its way to the backend; `missing`: neither there nor on its way, which must never be. */
export type DeliveryStatus = 'delivered' | 'waiting' | 'dead' | 'missing';

export type SnapshotRecord = ReadRecord & {
  status: DeliveryStatus;
  /** Since it was last put into the outbox. */
  attempts: number;
};

export interface SnapshotQuery {
  /** First ms since 1970. Default 0. */
  fromMs?: number;
  /** First ms that is too late. Default: none is. */
  toMs?: number;
  liver?: string;
  status?: DeliveryStatus;
}

/**
 * A ledger file at one moment, read only: the relay goes on writing meanwhile and nothing here holds it up. Its log cannot
 * be emptied until `close`.
 */
export class LedgerSnapshot {
  /** For `backup`. */
  readonly db: DatabaseSync;
  readonly #statements: Statements;
  readonly #witnessed: Witnessed | undefined;

  /** @throws HayateError `invalid_argument` (no file), `ledger_corrupt` (no ledger), `ledger_version`, `ledger_read_only` */
  constructor(path: string) {
    if (!existsSync(path)) throw ledgerError('invalid_argument', `there is no ledger ${path}`);
    let db: DatabaseSync | undefined;
    try {
      // Before the moment that is read: later it could know more than that.
      this.#witnessed = readWitness(`${path}-witness`);
      db = new DatabaseSync(path, { readOnly: true, timeout: 2000 });
      db.exec('PRAGMA trusted_schema = OFF; BEGIN');
      checkVersion(db);
      this.#statements = prepareAll(db);
      // The moment is that of the first read.
      this.#statements.marked.get();
    } catch (error) {
      db?.close();
      throw ledgerFailure(error);
    }
    this.db = db;
  }

  /**
   * Pages, indexes, every chain, and the witness; gives where the ledger ends. Takes as long as opening it.
   * @throws HayateError `ledger_corrupt`
   */
  verify(): Witnessed {
    try {
      checkPages(this.db);
      const last = checkChains(this.#statements);
      checkWitness(this.#witnessed, last, this.#statements);
      return last;
    } catch (error) {
      throw ledgerFailure(error);
    }
  }

  /** The witness alone: cheap. @throws HayateError `ledger_corrupt` */
  verifyEnd(): void {
    const tail = (this.#statements.tail.get() as Head | undefined) ?? { id: 0, checksum: CHAIN_START };
    const { mark } = this.#statements.marked.get() as { mark: number };
    checkWitness(this.#witnessed, { ...tail, mark }, this.#statements);
  }

  /** @throws HayateError `ledger_corrupt` when a record is neither delivered nor waiting nor dead */
  verifyDeliverable(): void {
    checkDeliverable(this.#statements);
  }

  /** Records by time, each compared with its checksum. Nothing else may be read of this snapshot between two of them. */
  *records({
    fromMs = 0,
    toMs = Number.MAX_SAFE_INTEGER,
    liver,
    status,
  }: SnapshotQuery = {}): Generator<SnapshotRecord> {
    const rows = this.db
      .prepare(
        `SELECT ${FIELDS}, delivered AS deliveredAtMs, dead, coalesce(attempts, 0) AS attempts FROM records
         LEFT JOIN (SELECT id AS of, at_ms AS delivered FROM deliveries) ON of = id
         LEFT JOIN (SELECT id AS waits, dead, attempts FROM outbox) ON waits = id
         WHERE at_ms >= ? AND at_ms < ? AND (?3 IS NULL OR liver = ?3) ORDER BY at_ms, id`,
      )
      .iterate(fromMs, toMs, liver ?? null);
    for (const each of rows) {
      const row = each as unknown as Row & Pick<SnapshotRecord, 'deliveredAtMs' | 'attempts'> & { dead: 0 | 1 | null };
      const record = {
        ...this.#checked(row),
        deliveredAtMs: row.deliveredAtMs,
        status: statusOf(row),
        attempts: row.attempts,
      };
      if (status === undefined || record.status === status) yield record;
    }
  }

  /** Deliveries and outbox entries of records that are not there. */
  orphans(): number {
    const { orphans } = this.db
      .prepare(
        `SELECT (SELECT count(*) FROM deliveries WHERE id NOT IN (SELECT id FROM records))
           + (SELECT count(*) FROM outbox WHERE id NOT IN (SELECT id FROM records)) AS orphans`,
      )
      .get() as { orphans: number };
    return orphans;
  }

  /** All records; for progress. */
  count(): number {
    return (this.#statements.ids.get() as { records: number }).records;
  }

  close(): void {
    this.db.close();
  }

  #checked(row: Row): ReturnType<typeof recordOf> {
    const record = recordOf(row);
    const before = row.sequence === 1 ? undefined : this.#statements.checksumAt.get(row.room, row.sequence - 1);
    const { checksum } = (before as { checksum: Uint8Array } | undefined) ?? { checksum: CHAIN_START };
    if (sameBytes(checksumOf(record, checksum), row.checksum)) return record;
    throw ledgerError('ledger_corrupt', `record ${row.id} (${row.room} ${row.sequence}) does not fit its checksum`);
  }
}

/** What was delivered and is to be delivered again has reached the backend. */
function statusOf({ deliveredAtMs, dead }: { deliveredAtMs: number | null; dead: 0 | 1 | null }): DeliveryStatus {
  if (deliveredAtMs !== null) return 'delivered';
  if (dead === null) return 'missing';
  return dead === 1 ? 'dead' : 'waiting';
}
