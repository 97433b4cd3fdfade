import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CHAIN_START, checksumOf, sameBytes } from '../checksum.ts';
import { ledgerError } from '../errors.ts';
import { migrate } from './schema.ts';
import { prepareAll, type Row, recordOf, type Statements } from './statements.ts';
import { type Head, syncFolder, Witness, type Witnessed } from './witness.ts';

const BUSY_TIMEOUT_MS = 2000;

export interface OpenOptions {
  /** False leaves every sync out: the control of the power-cut experiment. */
  durable?: boolean;
  /**
   * A write or sync of this file failed since the system started: the kernel may take the log's pages for written, and
   * another sync of them proves nothing. So the log is copied into the file, which writes them anew, or opening fails.
   */
  afterFailure?: boolean;
}

export interface OpenLedger {
  db: DatabaseSync;
  statements: Statements;
  witness: Witness;
  /** What the witness knows. */
  last: Witnessed;
}

/**
 * Opens a ledger or makes one, checks all of it, and makes what it found durable.
 * @throws HayateError of `ledgerCodes`, or what node:sqlite and node:fs throw
 */
export function openLedger(path: string, { durable = true, afterFailure = false }: OpenOptions = {}): OpenLedger {
  const folder = dirname(path);
  if (mkdirSync(folder, { recursive: true }) !== undefined) syncFolder(dirname(folder));
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  let witness: Witness | undefined;
  try {
    settle(db, durable);
    migrate(db);
    checkPages(db);
    const statements = prepareAll(db);
    const last = checkChains(statements);
    checkDeliverable(statements);
    witness = new Witness(`${path}-witness`);
    checkWitness(witness.read(), last, statements);
    // The process before may have been killed between its write and its sync: what is read now may be in memory only,
    // and a repeat would be answered from it. One commit syncs the log with all that is in it.
    db.exec('BEGIN IMMEDIATE');
    const marked = statements.mark.get() as { mark: number };
    db.exec('COMMIT');
    // Not at every opening: while the disk is full the log may have room where the file has none.
    if (afterFailure) copyLog(db);
    if (durable) syncFolder(folder);
    last.mark = marked.mark;
    witness.write(last);
    return { db, statements, witness, last };
  } catch (error) {
    witness?.close();
    db.close();
    throw error;
  }
}

function copyLog(db: DatabaseSync): void {
  const { busy } = db.prepare('PRAGMA wal_checkpoint(FULL)').get() as { busy: number };
  if (busy !== 0)
    throw ledgerError('ledger_busy', 'somebody reads an old state of the ledger: its log cannot be copied');
}

function settle(db: DatabaseSync, durable: boolean): void {
  db.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'OFF'}`);
  const { journal_mode } = db.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string };
  if (journal_mode !== 'wal') throw ledgerError('ledger_failed', `the file takes no write-ahead log: ${journal_mode}`);
  // On macOS fsync alone leaves the data in the drive's cache.
  db.exec('PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON');
  db.exec('PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF');
}

/** A lost entry of an index would let a `jti` be claimed twice: tables are compared with their indexes, not only read. */
export function checkPages(db: DatabaseSync): void {
  const found = db.prepare('PRAGMA integrity_check(1)').get() as { integrity_check: string };
  if (found.integrity_check !== 'ok') throw ledgerError('ledger_corrupt', found.integrity_check);
}

/** Every room's chain from its first record; gives the last record of all, and the mark. */
export function checkChains(statements: Statements): Witnessed {
  let room: string | undefined;
  let sequence = 0;
  let before = CHAIN_START;
  let last: Head = { id: 0, checksum: CHAIN_START };
  for (const each of statements.chain.iterate()) {
    const row = each as unknown as Row;
    if (row.room !== room) {
      room = row.room;
      sequence = 0;
      before = CHAIN_START;
    }
    sequence++;
    if (row.sequence !== sequence || !sameBytes(checksumOf(recordOf(row), before), row.checksum)) {
      throw ledgerError('ledger_corrupt', `record ${row.id} (${row.room} ${row.sequence}) does not fit its checksum`);
    }
    before = row.checksum;
    if (row.id > last.id) last = { id: row.id, checksum: row.checksum };
  }
  const ids = statements.ids.get() as { records: number; last: number };
  if (ids.records !== ids.last) throw ledgerError('ledger_corrupt', `${ids.records} records up to id ${ids.last}`);
  const { mark } = statements.marked.get() as { mark: number };
  return { ...last, mark };
}

export function checkDeliverable(statements: Statements): void {
  const { records } = statements.undeliverable.get() as { records: number };
  if (records !== 0) throw ledgerError('ledger_corrupt', `${records} records are neither delivered nor waiting for it`);
}

/** @param last where the ledger ends, read after `witnessed`: a witness is never ahead of what can be read */
export function checkWitness(witnessed: Witnessed | undefined, last: Witnessed, statements: Statements): void {
  if (witnessed === undefined) return;
  if (witnessed.id > last.id || witnessed.mark > last.mark) {
    const [ends, saw] = [last, witnessed].map(({ id, mark }) => `record ${id}, mark ${mark}`);
    throw ledgerError('ledger_corrupt', `the file ends at ${ends}, its witness saw ${saw}: damaged, or an older copy`);
  }
  if (witnessed.id === 0) return;
  const { checksum } = statements.checksumOf.get(witnessed.id) as { checksum: Uint8Array };
  if (!sameBytes(checksum, witnessed.checksum)) {
    throw ledgerError('ledger_corrupt', `record ${witnessed.id} is not the one that its witness saw`);
  }
}
